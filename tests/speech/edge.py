"""The read-aloud service of Edge: a list of voices, and a websocket that takes SSML and gives MP3 in pieces.

Of the token only the shape is checked, `<16 hex>-<64 hex>` and a version that begins with 2: how it is made is not documented.
What a client does wrong is in the journal as `refused`, and ends its connection as the service would, with 403 or 1007."""

import asyncio
import json
import re
import secrets
import xml.etree.ElementTree as xml

from aiohttp import WSCloseCode, WSMsgType, web

from mp3 import speech

HOST = "speech.platform.bing.com"
PLACE = "/consumer/speech/synthesize/readaloud"
CLIENT = "6A5AA1D4EAFF4E9FB37E23D68491D6F4"
QUERY = {"TrustedClientToken": re.compile(CLIENT), "ConnectionId": re.compile("[0-9A-Fa-f]{32}"),
         "Sec-MS-GEC": re.compile("[0-9A-Fa-f]{16}-[0-9A-Fa-f]{64}"), "Sec-MS-GEC-Version": re.compile(r"2-\d+(\.\d+){3}")}
FORMAT = re.compile(r"audio-(24|48)khz-(48|96|160|192)kbitrate-mono-mp3")
LONGEST = 4096  # bytes of text, as it stands in the SSML
PIECE = 720  # bytes of MP3 in one frame
TICKS = 10_000_000
SPEAK = "{http://www.w3.org/2001/10/synthesis}"
VOICES = {"en-US-EmmaMultilingualNeural": ("Female", "Emma Online (Natural) - English (United States)"),
          "en-US-GuyNeural": ("Male", "Guy Online (Natural) - English (United States)"),
          "en-GB-SoniaNeural": ("Female", "Sonia Online (Natural) - English (United Kingdom)"),
          "de-DE-KatjaNeural": ("Female", "Katja Online (Natural) - German (Germany)"),
          "fr-FR-HenriNeural": ("Male", "Henri Online (Natural) - French (France)")}


class Wrong(Exception):
    """What the service refuses."""


def long_name(short):
    language, country, name = short.split("-")
    return f"Microsoft Server Speech Text to Speech Voice ({language}-{country}, {name})"


def voice(short):
    gender, friendly = VOICES[short]
    return {"Name": long_name(short), "ShortName": short, "Gender": gender, "Locale": short[:5],
            "SuggestedCodec": "audio-24khz-48kbitrate-mono-mp3", "FriendlyName": f"Microsoft {friendly}", "Status": "GA",
            "VoiceTag": {"ContentCategories": ["General"], "VoicePersonalities": ["Friendly", "Positive"]}}


def spoken_by(name):
    """espeak's voice nearest to it."""
    short = next((it for it in VOICES if name in (it, long_name(it))), None)
    if short is None:
        raise Wrong(f"no voice {name}")
    language = {"en-US": "en-us", "en-GB": "en-gb"}.get(short[:5], short[:2])
    return language + ("+f3" if VOICES[short][0] == "Female" else "")


async def voices(request, entry, _fault):
    token = request.query.get("TrustedClientToken") or request.query.get("trustedclienttoken")
    if token != CLIENT:
        entry["refused"] = "TrustedClientToken"
        return web.Response(status=403)
    return web.json_response([voice(short) for short in VOICES])


async def synthesize(request, entry, fault):
    wrong = [name for name, shape in QUERY.items() if not shape.fullmatch(request.query.get(name, ""))]
    if wrong:
        entry["refused"] = ", ".join(wrong)
        return web.Response(status=403)
    websocket = web.WebSocketResponse(timeout=2.0, max_msg_size=1 << 16)
    await websocket.prepare(request)
    entry["status"] = websocket.status
    turns = Turns(request, websocket, entry, fault)
    try:
        async for message in websocket:
            if message.type == WSMsgType.TEXT:
                await turns.take(message.data)
    except (Wrong, ValueError, KeyError, xml.ParseError) as error:
        entry["refused"] = f"{type(error).__name__}: {error}"
        await websocket.close(code=WSCloseCode.INVALID_TEXT)
    except ConnectionError:
        pass  # The client is gone, or was cut off.
    return websocket


def parted(text):
    """Headers and body of a frame."""
    head, separator, body = text.partition("\r\n\r\n")
    if not separator:
        raise Wrong("a frame without a blank line")
    return dict(line.split(":", 1) for line in head.split("\r\n")), body


class Turns:
    """One connection: a configuration, and turns of it, each a text and its speech."""

    def __init__(self, request, websocket, entry, fault):
        self.request, self.websocket, self.entry, self.fault = request, websocket, entry, fault
        self.format = None
        entry["turns"] = []

    async def take(self, text):
        headers, body = parted(text)
        if not headers.get("X-Timestamp"):
            raise Wrong("no X-Timestamp")
        if headers["Path"] == "speech.config":
            self.configure(json.loads(body)["context"]["synthesis"]["audio"])
        elif headers["Path"] == "ssml" and self.format:
            if headers.get("Content-Type") != "application/ssml+xml":
                raise Wrong(f"Content-Type {headers.get('Content-Type')}")
            await self.turn(headers["X-RequestId"], body)
        else:
            raise Wrong(f"Path {headers['Path']}")

    def configure(self, audio):
        self.format = FORMAT.fullmatch(audio["outputFormat"])
        if not self.format:
            raise Wrong(f"outputFormat {audio['outputFormat']}")
        wanted = audio["metadataoptions"]
        self.words, self.sentences = wanted["wordBoundaryEnabled"] == "true", wanted["sentenceBoundaryEnabled"] == "true"

    async def turn(self, id, ssml):
        asked = self.asked(ssml)
        khz, kbit = (int(number) for number in self.format.groups())
        percent = int(asked["rate"].removesuffix("%"))
        audio = await asyncio.to_thread(speech, asked["text"], spoken_by(asked["voice"]), percent, khz, kbit)
        self.entry["turns"].append(asked | {"format": self.format[0], "bytes": len(audio)})
        self.id, self.stream = id, secrets.token_hex(16).upper()
        context = {"context": {"serviceTag": secrets.token_hex(16)}}
        await self.say("turn.start", context)
        await self.say("response", context | {"audio": {"type": "inline", "streamId": self.stream}})
        if not self.fault.get("silent"):
            await self.sound(audio)
            for boundary in self.boundaries(asked["text"], len(audio) * 8 * TICKS // (kbit * 1000)):
                await self.say("audio.metadata", {"Metadata": [boundary]})
        await self.binary("", b"")
        await self.say("turn.end", {})

    def asked(self, ssml):
        """Text, voice and how it is to be spoken; entities in it are resolved."""
        prosody = xml.fromstring(ssml).find(f"{SPEAK}voice/{SPEAK}prosody")
        if prosody is None:
            raise Wrong("no speak/voice/prosody")
        written = ssml[ssml.index(">", ssml.index("<prosody")) + 1:ssml.rindex("</prosody>")]
        text = "".join(prosody.itertext())
        if not text.strip() or len(written.encode()) > LONGEST:
            raise Wrong(f"{len(written.encode())} bytes of text")
        return {"text": text, "voice": xml.fromstring(ssml).find(f"{SPEAK}voice").attrib["name"],
                **{name: prosody.attrib[name] for name in ("rate", "pitch", "volume")}}

    async def sound(self, audio):
        pieces = [audio[at:at + PIECE] for at in range(0, len(audio), PIECE)]
        for nth, piece in enumerate(pieces):
            if self.fault.get("cut") and nth * 2 >= len(pieces):
                self.request.transport.abort()
                raise ConnectionError
            await self.binary("Content-Type:audio/mpeg\r\n", piece)

    def boundaries(self, text, ticks):
        """As long as their text: the service knows better."""
        kinds = [("SentenceBoundary", [text])] if self.sentences else []
        for kind, parts in kinds + ([("WordBoundary", text.split())] if self.words else []):
            at, total = 0, sum(len(part) for part in parts)
            for part in parts:
                lasting = ticks * len(part) // total
                yield {"Type": kind, "Data": {"Offset": at, "Duration": lasting, "text": {
                    "Text": escaped(part), "Length": len(part), "BoundaryType": kind}}}
                at += lasting

    async def say(self, path, body):
        await self.websocket.send_str(f"X-RequestId:{self.id}\r\nContent-Type:application/json; charset=utf-8\r\n"
                                      f"Path:{path}\r\n\r\n{json.dumps(body)}")

    async def binary(self, kind, data):
        head = f"X-RequestId:{self.id}\r\n{kind}X-StreamId:{self.stream}\r\nPath:audio\r\n".encode("ascii")
        await self.websocket.send_bytes(len(head).to_bytes(2, "big") + head + data)


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


ROUTES = [(HOST, "GET", f"{PLACE}/voices/list", voices), (HOST, "GET", f"{PLACE}/edge/v1", synthesize)]

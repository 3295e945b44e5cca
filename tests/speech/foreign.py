"""Drives fake.py with edge-tts and gTTS, clients that nobody here wrote: they find the mistakes that ours and its fake share.

    python tests/speech/foreign.py

starts the fake, has it speak, and says what differed from what they expect; exit code 0 if nothing did."""

import asyncio
import contextlib
import io
import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request

import edge_tts
import gtts

VOICE = "en-GB-SoniaNeural"
TEXT = "Agents & tasks: 3 < 4, “quoted”."
LONG = "This sentence is said until it does not fit into a single request. " * 4


class Fake:
    def __init__(self, base):
        self.base = f"{base}/_control"
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def ask(self, path, **body):
        data = json.dumps(body).encode() if body else None
        with self.open(self.base + path, data) as response:
            return json.load(response)


def same(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, not {wanted!r}")


def is_mp3(audio):
    same("begins as MP3 does", (audio[:1], audio[1] & 0xE0), (b"\xff", 0xE0))
    return len(audio)


def edge(text, **more):
    """Audio, and the boundaries in it."""
    asked = edge_tts.Communicate(text, VOICE, proxy=os.environ["HTTPS_PROXY"], **more)
    chunks = asyncio.run(gathered(asked.stream()))
    return b"".join(it["data"] for it in chunks if it["type"] == "audio"), [it for it in chunks if it["type"] != "audio"]


async def gathered(stream):
    return [it async for it in stream]


def google(text, **more):
    into = io.BytesIO()
    gtts.gTTS(text, **more).write_to_fp(into)
    return into.getvalue()


def raises(kind, action):
    try:
        action()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


def edge_lists_voices(_fake):
    found = asyncio.run(edge_tts.list_voices(proxy=os.environ["HTTPS_PROXY"]))
    same("a voice", [(it["Locale"], it["Gender"]) for it in found if it["ShortName"] == VOICE], [("en-GB", "Female")])


def edge_speaks(fake):
    audio, words = edge(TEXT, rate="+10%", boundary="WordBoundary")
    is_mp3(audio)
    same("words", [it["text"] for it in words], TEXT.split())
    turn = fake.ask("/journal")[-1]["turns"][0]
    same("as it was asked", (turn["text"], turn["rate"], turn["bytes"]), (TEXT, "+10%", len(audio)))


def edge_speaks_long_texts(fake):
    text = "word & word " * 600
    before = len(fake.ask("/journal"))
    audio, sentences = edge(text)
    is_mp3(audio)
    same("pieces", (len(sentences), len(fake.ask("/journal")) - before), (3, 3))


def edge_is_faster(_fake):
    same("shorter", is_mp3(edge(LONG, rate="+50%")[0]) < is_mp3(edge(LONG)[0]), True)


def edge_sees_faults(fake):
    fake.ask("/fault", match="GET */edge/v1", status=403)
    is_mp3(edge("after the second try")[0])
    fake.ask("/fault", match="GET */edge/v1", silent=True)
    raises(edge_tts.exceptions.NoAudioReceived, lambda: edge("silent"))


def google_speaks(fake):
    is_mp3(google(TEXT, lang="en"))
    entry = fake.ask("/journal")[-1]
    same("as it was asked", (entry["text"], entry["voice"], entry["rate"]), (TEXT, "en", "normal"))
    same("slower", is_mp3(google(TEXT, slow=True)) > is_mp3(google(TEXT)), True)


def google_speaks_long_texts(fake):
    before = len(fake.ask("/journal"))
    is_mp3(google(LONG))
    same("pieces", len(fake.ask("/journal")) - before, 3)


def google_sees_faults(fake):
    for fault in ({"status": 429}, {"status": 503}, {"silent": True}):
        fake.ask("/fault", match="POST *", **fault)
        raises(gtts.gTTSError, lambda: google("nothing"))
    raises(gtts.gTTSError, lambda: google("nothing", lang="xx", lang_check=False))


def nothing_was_unknown(fake):
    same("unknown routes", fake.ask("/unknown"), [])
    same("refused", [it["refused"] for it in fake.ask("/journal") if "refused" in it], ["7 characters of xx"])


CHECKS = [edge_lists_voices, edge_speaks, edge_speaks_long_texts, edge_is_faster, edge_sees_faults, google_speaks,
          google_speaks_long_texts, google_sees_faults, nothing_was_unknown]


@contextlib.contextmanager
def backend():
    """Ends with its standard input."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake.py")
    with tempfile.TemporaryDirectory() as place, subprocess.Popen(
            [sys.executable, program, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Fake(process.stdout.readline().split()[-1])
        process.stdin.close()


def main():
    failed = 0
    with backend() as fake:
        proxy = fake.ask("/proxy")
        os.environ["HTTPS_PROXY"] = os.environ["https_proxy"] = proxy["url"]
        # It would trust certifi alone. gTTS trusts everybody.
        trusting = ssl.create_default_context(cafile=proxy["authority"])
        edge_tts.communicate._SSL_CTX = edge_tts.voices._SSL_CTX = trusting
        for it in CHECKS:
            try:
                it(fake)
            except Exception as error:  # Whatever a client raises.
                failed += 1
                print(f"foreign: {it.__name__}: {type(error).__name__} {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

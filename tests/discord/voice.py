"""Discord's voice: who is in which channel, and a voice server with its websocket over TLS and its UDP.

The gateway hands every op 4 here. It is answered with VOICE_STATE_UPDATE, and a bot that joins gets VOICE_SERVER_UPDATE,
whose endpoint is null unless the fake was given a place. A call is what one such token opened: it outlives its connections,
as a session of the gateway does, and is kept with its sound when it ended. Versions 4 and 8 of the protocol are spoken, and
end-to-end encryption (dave.py): whoever else stands in the channel listens. Sound passes as it is while nobody does."""

import asyncio
import collections
import dataclasses
import functools
import json
import os
import random
import secrets
import socket
import struct

import dave
import rtp
import tls
import world
from aiohttp import WSMsgType, web
from gateway import Connection

IDENTIFY, SELECT, READY, HEARTBEAT, DESCRIPTION, SPEAKING, ACK, RESUME, HELLO, RESUMED = range(10)
CLIENTS_CONNECT, CLIENT_DISCONNECT = 11, 13
UNKNOWN_OPCODE, DECODE_ERROR, NOT_AUTHENTICATED, AUTHENTICATION_FAILED, ALREADY_AUTHENTICATED = 4001, 4002, 4003, 4004, 4005
SESSION_INVALID, SERVER_NOT_FOUND, UNKNOWN_PROTOCOL, DISCONNECTED = 4006, 4011, 4012, 4014
UNKNOWN_MODE, E2EE_REQUIRED = 4016, 4017
# After these codes Discord knows the call no more.
FINAL = {AUTHENTICATION_FAILED, SESSION_INVALID, 4009, SERVER_NOT_FOUND, DISCONNECTED, E2EE_REQUIRED, 4021, 4022}
HEARTBEAT_MS = 13750.0
DISCOVERY = struct.Struct(">HHI64sH")
# What reading nonsense raises, davey's and ours.
BROKEN = (ValueError, LookupError, TypeError, AttributeError, OSError, rtp.Bad)
TOLD = {dave.EXECUTE_TRANSITION: "transitions", dave.ANNOUNCE_COMMIT: "commits", dave.WELCOME: "welcomes"}
COUNTED = ("identifies", "resumes", "heartbeats", "keep_alives", "invalid_commits", *TOLD.values())


def framed(operation, data, number=None):
    """Bytes, of which only the encryption sends any, stay bytes."""
    if isinstance(data, bytes):
        return (b"" if number is None else struct.pack(">H", number)) + bytes([operation]) + data
    return {"op": operation, "d": data} | ({} if number is None else {"seq": number})


@dataclasses.dataclass
class Call:
    n: int
    user: str
    channel: str
    session_id: str
    token: str = dataclasses.field(default_factory=lambda: secrets.token_hex(8))
    sound: rtp.Sound = dataclasses.field(default_factory=rtp.Sound)
    state: str = "asked"  # then "open", "lost", "over"
    ssrc: int = 0
    mode: str | None = None
    key: bytes = b""
    connection: Connection | None = None
    kept: list = dataclasses.field(default_factory=list)
    speaking: list = dataclasses.field(default_factory=list)
    closed_with: list = dataclasses.field(default_factory=list)
    counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def send(self, operation, data):
        """In version 8 it is numbered, and sent again to who resumes."""
        if self.connection and self.connection.version >= 8:
            self.kept.append(framed(operation, data, len(self.kept)))
            self.connection.send(self.kept[-1])
        elif self.connection:
            self.connection.send(framed(operation, data))

    def tell(self, operation, data):
        """What its group has to say. The answers come by the websocket."""
        self.counts[TOLD.get(operation)] += 1
        self.send(operation, data)
        return []

    def end(self, code):
        self.state = "over"
        if self.connection:
            self.connection.close(code)

    def shown(self):
        counts = {name: self.counts[name] for name in COUNTED}
        return {"n": self.n, "user": self.user, "channel": self.channel, "state": self.state, "mode": self.mode,
                "speaking": self.speaking, "client_close_codes": self.closed_with} | counts | self.sound.shown()


class Voice(asyncio.DatagramProtocol):
    def __init__(self, gateway, changed, place=None):
        self.gateway, self.changed, self.place = gateway, changed, place
        self.states, self.calls, self.holders = {}, [], {}
        self.refusals = []
        self.withheld = False
        self.lag = 0
        self.group = dave.Group(world.CHANNELS["voice"])
        self.endpoint = None
        gateway.voice = self

    async def start(self):
        """What is to be cleaned up in the end."""
        app = web.Application()
        app.router.add_get("/", self.serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        if self.place:
            listener = socket.create_server(("127.0.0.1", 0))
            await web.SockSite(runner, listener, ssl_context=tls.certified(self.place)).start()
            self.endpoint = f"localhost:{listener.getsockname()[1]}"
            loop = asyncio.get_running_loop()
            self.udp, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        return runner

    # ---- who is where

    def asked(self, session, data):
        """Op 4 of the bot."""
        channel = data["channel_id"] and str(data["channel_id"])
        if str(data["guild_id"]) != world.GUILD or channel not in (None, world.CHANNELS["voice"]):
            return  # Discord says nothing.
        flags = {key: bool(data.get(key)) for key in ("self_mute", "self_deaf")}
        call = self.call(world.APPLICATION)
        if channel and call and call.channel == channel and self.holders[world.APPLICATION] is session:
            return self.put(world.APPLICATION, channel, call.session_id, flags)
        self.holders[world.APPLICATION] = session
        self.move(world.APPLICATION, channel, flags)

    def move(self, user, channel, flags=None):
        """Or out, into no channel. A bot gets a voice server with it."""
        if call := self.call(user):
            call.end(DISCONNECTED)
            self.group.disconnect(user)
        session_id = secrets.token_hex(16)
        self.put(user, channel, session_id, flags or {})
        if channel and user in self.holders:
            call = Call(len(self.calls) + 1, user, channel, session_id)
            self.calls.append(call)
            server = {"token": call.token, "guild_id": world.GUILD, "endpoint": self.endpoint}
            self.holders[user].dispatch("VOICE_SERVER_UPDATE", server)
        self.changed()

    def put(self, user, channel, session_id, flags):
        state = world.voice_state(user, channel, session_id) | flags
        before = self.states.pop(user, None)
        if channel:
            self.states[user] = state
        self.gateway.dispatch("VOICE_STATE_UPDATE", state)
        was_here = before is not None and before["channel_id"] == self.group.channel
        is_here = channel == self.group.channel
        if user != world.APPLICATION and is_here != was_here:
            self.listen(user, is_here)

    def listen(self, user, is_here):
        """Or no more. The bot has to expect him before he is proposed."""
        if call := self.call(world.APPLICATION):
            call.send(*(CLIENTS_CONNECT, {"user_ids": [user]}) if is_here else (CLIENT_DISCONNECT, {"user_id": user}))
        if is_here:
            self.group.connect(user, dave.Listener(user, self.group.channel))
        else:
            self.group.disconnect(user)

    def call(self, user):
        return next((it for it in self.calls if it.user == user and it.state != "over"), None)

    def left(self, session):
        """A session that Discord forgets is in no channel."""
        if self.holders.get(world.APPLICATION) is session:
            del self.holders[world.APPLICATION]
            if world.APPLICATION in self.states:
                self.move(world.APPLICATION, None)

    def present(self):
        """As in GUILD_CREATE."""
        return [{key: value for key, value in state.items() if key != "guild_id"} for state in self.states.values()]

    # ---- the websocket

    async def serve(self, request):
        websocket = web.WebSocketResponse(timeout=2.0)
        await websocket.prepare(request)
        connection = Connection(websocket, request.transport, False)
        connection.version = int(request.query["v"])
        writer = asyncio.create_task(connection.write())
        connection.send({"op": HELLO, "d": {"v": connection.version, "heartbeat_interval": HEARTBEAT_MS}})
        try:
            async for message in websocket:
                self.read(connection, message)
        finally:
            writer.cancel()
            self.ended(connection)
        return websocket

    def read(self, connection, message):
        try:
            if message.type == WSMsgType.BINARY:
                operation, data = message.data[0], message.data[1:]
            else:
                frame = json.loads(message.data)
                operation, data = frame["op"], frame["d"]
            self.take(connection, operation, data)
        except BROKEN:
            connection.close(DECODE_ERROR)
        self.changed()

    def take(self, connection, operation, data):
        call = connection.session
        if operation in (IDENTIFY, RESUME):
            code = ALREADY_AUTHENTICATED if call else self.refusal(operation, data)
            if code:
                return self.close(connection, code)
            self.attach(connection, data["token"])
            (self.identify if operation == IDENTIFY else self.resume)(connection.session, data)
        elif operation == HEARTBEAT:
            self.beat(connection, data)
        elif operation not in (SELECT, SPEAKING, *dave.SAID_BY_MEMBERS):
            connection.close(UNKNOWN_OPCODE)
        elif not call:
            connection.close(NOT_AUTHENTICATED)
        elif operation == SELECT:
            self.select(call, data)
        elif operation == SPEAKING:
            call.speaking.append(int(data["speaking"]))
        else:
            call.counts["invalid_commits"] += operation == dave.INVALID_COMMIT
            asyncio.get_running_loop().call_later(self.lag, self.pass_on, connection, operation, data)

    def pass_on(self, connection, operation, data):
        try:
            if call := connection.session:
                self.group.take(call.user, operation, data)
        except BROKEN:
            connection.close(DECODE_ERROR)
        self.changed()

    def refusal(self, operation, data):
        call = next((it for it in self.calls if it.token == data["token"]), None)
        if self.refusals:
            code = self.refusals.pop(0)
            if call and code in FINAL:
                call.state = "over"
            return code
        if call is None:
            return AUTHENTICATION_FAILED
        if call.state == "over" or call.session_id != data["session_id"] or operation == RESUME and not call.ssrc:
            return SESSION_INVALID
        if str(data["server_id"]) != world.GUILD:
            return SERVER_NOT_FOUND
        if operation == RESUME:
            return None
        if str(data["user_id"]) != call.user:
            return AUTHENTICATION_FAILED
        return None if data.get("max_dave_protocol_version") else E2EE_REQUIRED

    def attach(self, connection, token):
        call = next(it for it in self.calls if it.token == token)
        if call.connection:
            call.connection.session = None
            call.connection.close(SESSION_INVALID)
        connection.session, call.connection, call.state = call, connection, "open"

    def identify(self, call, _):
        call.counts["identifies"] += 1
        self.group.disconnect(call.user)
        call.kept.clear()
        call.sound.begin()
        call.ssrc, call.mode = random.getrandbits(31) | 1, None
        ip, port = self.udp.get_extra_info("sockname")
        call.send(READY, {"ssrc": call.ssrc, "ip": ip, "port": port, "modes": rtp.MODES, "experiments": [], "streams": []})

    def resume(self, call, data):
        call.counts["resumes"] += 1
        call.connection.send({"op": RESUMED, "d": None})
        for frame in call.kept[data.get("seq_ack", len(call.kept)) + 1:]:
            call.connection.send(frame)

    def beat(self, connection, data):
        """The nonce comes back as it came, in version 8 without what else stood beside it."""
        if not self.withheld:
            connection.send({"op": ACK, "d": {"t": data["t"]} if connection.version >= 8 else data})
        if connection.session:
            connection.session.counts["heartbeats"] += 1

    def select(self, call, data):
        given = data["data"]
        if data["protocol"] != "udp":
            return call.connection.close(UNKNOWN_PROTOCOL)
        if given["mode"] not in rtp.MODES:
            return call.connection.close(UNKNOWN_MODE)
        socket.inet_aton(given["address"]), int(given["port"])
        call.mode, call.key = given["mode"], secrets.token_bytes(32)
        call.send(DESCRIPTION, {"mode": call.mode, "secret_key": list(call.key), "audio_codec": "opus", "video_codec": "H264",
                                "media_session_id": secrets.token_hex(16), "dave_protocol_version": dave.VERSION})
        present = [user for user, state in self.states.items() if state["channel_id"] == call.channel and user != call.user]
        if present:
            call.send(CLIENTS_CONNECT, {"user_ids": present})
        self.group.connect(call.user, call.tell)

    def close(self, connection, code):
        if connection.session and code in FINAL:
            connection.session.state = "over"
        connection.close(code)

    def ended(self, connection):
        call = connection.session
        if call and call.connection is connection:
            call.connection = None
            call.state = "over" if call.state == "over" else "lost"
            if not connection.closed_here:
                call.closed_with.append(connection.websocket.close_code)
        self.changed()

    # ---- UDP

    def datagram_received(self, data, address):
        if len(data) == 8:
            self.udp.sendto(data, address)
            for call in self.calls:
                call.counts["keep_alives"] += call.ssrc == struct.unpack_from(">I", data)[0]
        elif len(data) == DISCOVERY.size and data[:4] == b"\0\1\0\x46":
            ssrc = DISCOVERY.unpack(data)[2]
            self.udp.sendto(DISCOVERY.pack(2, 70, ssrc, address[0].encode("ascii"), address[1]), address)
        elif len(data) > 12 and not rtp.is_rtcp(data):
            call = next((it for it in self.calls if it.ssrc == rtp.ssrc_of(data) and it.mode), None)
            if call and call.state != "over":
                call.sound.take(data, call.mode, call.key, functools.partial(self.group.heard, call.user))
        self.changed()

    # ---- what the tests do and read

    def act(self, order):
        match order:
            case {"user": user, "channel": channel}:
                self.move(user, channel)
            case {"do": "close", "code": int(code)}:
                self.each(lambda connection: self.close(connection, code))
            case {"do": "refuse", "code": int(code)}:
                self.refusals.append(code)
            case {"do": "withhold_acks", "on": bool(on)}:
                self.withheld = on
            case {"do": "lag", "ms": int(ms)}:
                self.lag = ms / 1000
            case {"do": "drop"}:
                self.each(lambda connection: connection.transport.abort())
            case _:
                raise ValueError(f"no such order: {order}")

    def each(self, action):
        for call in self.calls:
            if call.connection:
                action(call.connection)

    def report(self):
        return [call.shown() for call in self.calls]

    def audio(self, n):
        """A file with all that was heard in the call, and one with what is heard without its keys."""
        sound = self.calls[n - 1].sound
        path, overheard = (os.path.join(self.place, f"{name}-{n}.wav") for name in ("call", "overheard"))
        rtp.save(path, sound.samples)
        rtp.save(overheard, sound.overheard)
        return {"file": path, "overheard": overheard, "seconds": len(sound.samples) / rtp.RATE, "rms": sound.loudness()}

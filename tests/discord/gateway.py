"""Discord's gateway: one websocket a connection, one session a client, which outlives its connections.

A session counts its dispatches and keeps them, so that RESUME can send again what a lost connection missed; nothing is sent
twice otherwise. Frames leave through one queue a connection, so that their order is the order of their numbers.
What goes wrong here goes wrong on demand only (`act`): closed and cut connections, withheld ACKs, op 7, op 9."""

import asyncio
import collections
import contextlib
import json
import secrets
import time
import zlib

from aiohttp import WSMsgType, web

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE = range(5)
RESUME, RECONNECT, MEMBERS, INVALID, HELLO, ACK = range(6, 12)
UNKNOWN_OPCODE, DECODE_ERROR, NOT_AUTHENTICATED, AUTHENTICATION_FAILED, ALREADY_AUTHENTICATED = 4001, 4002, 4003, 4004, 4005
INVALID_SEQ, RATE_LIMITED, TIMED_OUT = 4007, 4008, 4009
INVALID_API_VERSION, INVALID_INTENTS, DISALLOWED_INTENTS = 4012, 4013, 4014
# After these codes Discord knows the session no more; 1000 and 1001 are the client's own farewell.
FINAL = {1000, 1001, AUTHENTICATION_FAILED, INVALID_SEQ, TIMED_OUT, 4010, 4011, INVALID_API_VERSION, INVALID_INTENTS,
         DISALLOWED_INTENTS}
GUILDS, GUILD_MEMBERS, GUILD_VOICE_STATES, GUILD_MESSAGES, MESSAGE_CONTENT = 1 << 0, 1 << 1, 1 << 7, 1 << 9, 1 << 15
SENT_A_MINUTE = 120


class Session:
    def __init__(self, intents):
        self.id = secrets.token_hex(16)
        self.intents = intents
        self.seq = 0
        self.kept = []
        self.connection = None

    def dispatch(self, event, data):
        self.seq += 1
        frame = {"op": DISPATCH, "t": event, "s": self.seq, "d": data}
        self.kept.append(frame)
        if self.connection:
            self.connection.send(frame)

    def missed(self, since):
        return [frame for frame in self.kept if frame["s"] > since]


class Connection:
    def __init__(self, websocket, transport, compressed):
        self.websocket, self.transport = websocket, transport
        self.packer = zlib.compressobj() if compressed else None
        self.session = None
        self.closed_here = False
        self.outbox = asyncio.Queue()
        self.received = collections.deque(maxlen=SENT_A_MINUTE)

    def send(self, frame):
        self.outbox.put_nowait(frame)

    def close(self, code):
        """After all that was sent before. The session, unless the code ends it, waits for a RESUME."""
        self.closed_here = True
        self.outbox.put_nowait(code)

    def too_fast(self):
        now = time.monotonic()
        full = len(self.received) == SENT_A_MINUTE and now - self.received[0] < 60
        self.received.append(now)
        return full

    async def write(self):
        with contextlib.suppress(ConnectionError):  # The reader sees that the client is gone.
            while isinstance(frame := await self.outbox.get(), (dict, bytes)):
                await (self.websocket.send_bytes(frame) if isinstance(frame, bytes) else self.put(json.dumps(frame)))
            await self.websocket.close(code=frame)

    async def put(self, text):
        if self.packer is None:
            return await self.websocket.send_str(text)
        packed = self.packer.compress(text.encode()) + self.packer.flush(zlib.Z_SYNC_FLUSH)
        await self.websocket.send_bytes(packed)


class Gateway:
    """`ready` and `members` make the payloads of READY and of a chunk, `greet` the dispatches after READY."""

    def __init__(self, token, bot, ready, greet, members, changed, heartbeat_ms=41250, denied_intents=0):
        self.token, self.bot, self.heartbeat_ms, self.denied_intents = token, bot, heartbeat_ms, denied_intents
        self.ready, self.greet, self.members, self.changed = ready, greet, members, changed
        self.sessions, self.open = {}, set()
        self.withheld = False
        self.voice = None  # before any client comes, it is there
        self.counts = collections.Counter()
        self.closed_with = []

    def report(self):
        counts = {name: self.counts[name] for name in ("connections", "identifies", "ready", "resumes", "heartbeats")}
        intents = [session.intents for session in self.sessions.values()]
        return counts | {"open": len(self.open), "client_close_codes": self.closed_with, "intents": intents}

    def count(self, what):
        self.counts[what] += 1
        self.changed()

    # ---- what the backend sends

    def dispatch(self, event, data):
        for session in list(self.sessions.values()):
            seen = seen_by(session.intents, self.bot, event, data)
            if seen is not None:
                session.dispatch(event, seen)

    def dispatch_raw(self, event, data):
        """As it is, whatever the intents."""
        for session in list(self.sessions.values()):
            session.dispatch(event, data)

    def act(self, order):
        """One of the faults on demand, on every open connection."""
        match order:
            case {"do": "close", "code": int(code)}:
                self.each(lambda connection: self.close(connection, code))
            case {"do": "reconnect"}:
                self.each(lambda connection: connection.send({"op": RECONNECT, "d": None}))
            case {"do": "invalid", **rest}:
                self.each(lambda connection: self.invalidate(connection, rest.get("resumable", False)))
            case {"do": "withhold_acks", "on": bool(on)}:
                self.withheld = on
            case {"do": "drop"}:
                self.each(lambda connection: connection.transport.abort())
            case _:
                raise ValueError(f"no such order: {order}")

    def each(self, action):
        for connection in list(self.open):
            action(connection)

    def close(self, connection, code):
        if code in FINAL:
            self.forget(connection)
        connection.close(code)

    def invalidate(self, connection, resumable):
        if resumable:
            self.release(connection)
        else:
            self.forget(connection)
        connection.send({"op": INVALID, "d": resumable})

    # ---- what clients send

    async def serve(self, request):
        compression = request.query.get("compress")
        if compression not in (None, "zlib-stream"):
            raise web.HTTPBadRequest(text=f"compress={compression} is not served here")
        websocket = web.WebSocketResponse(timeout=2.0, max_msg_size=4096)
        await websocket.prepare(request)
        connection = Connection(websocket, request.transport, compression is not None)
        self.open.add(connection)
        self.count("connections")
        writer = asyncio.create_task(connection.write())
        if request.query.get("v") == "10" and request.query.get("encoding", "json") == "json":
            connection.send({"op": HELLO, "d": {"heartbeat_interval": self.heartbeat_ms, "_trace": ["fake"]}})
        else:
            connection.close(INVALID_API_VERSION)
        try:
            await self.read(connection)
        finally:
            writer.cancel()
            self.ended(connection)
        return websocket

    async def read(self, connection):
        async for message in connection.websocket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue
            try:
                frame = json.loads(message.data)
                operation, data = frame["op"], frame.get("d")
            except (ValueError, KeyError, TypeError, AttributeError):
                connection.close(DECODE_ERROR)
                continue
            if connection.too_fast():
                self.close(connection, RATE_LIMITED)
            else:
                self.take(connection, operation, data)

    def take(self, connection, operation, data):
        if operation == HEARTBEAT:
            self.beat(connection)
        elif operation in (IDENTIFY, RESUME) and connection.session:
            self.close(connection, ALREADY_AUTHENTICATED)
        elif operation == IDENTIFY:
            self.identify(connection, data)
        elif operation == RESUME:
            self.resume(connection, data)
        elif operation not in (PRESENCE, VOICE, MEMBERS):
            self.close(connection, UNKNOWN_OPCODE)
        elif not connection.session:
            self.close(connection, NOT_AUTHENTICATED)
        elif operation == MEMBERS:
            connection.session.dispatch("GUILD_MEMBERS_CHUNK", self.members(data))
        elif operation == VOICE:
            self.voice.asked(connection.session, data)

    def beat(self, connection):
        if not self.withheld:
            connection.send({"op": ACK})
        self.count("heartbeats")

    def identify(self, connection, data):
        self.count("identifies")
        refusal = self.refusal(data)
        if refusal:
            return self.close(connection, refusal)
        session = Session(data["intents"])
        self.sessions[session.id] = session
        self.attach(connection, session)
        session.dispatch("READY", self.ready(session.id) | ({"shard": data["shard"]} if data.get("shard") else {}))
        for event, payload in self.greet():
            seen = seen_by(session.intents, self.bot, event, payload)
            if seen is not None:
                session.dispatch(event, seen)
        self.count("ready")

    def refusal(self, data):
        if not isinstance(data, dict) or not isinstance(data.get("properties"), dict):
            return DECODE_ERROR
        if not self.known(data.get("token")):
            return AUTHENTICATION_FAILED
        intents = data.get("intents")
        if not isinstance(intents, int) or not 0 <= intents < 1 << 26:
            return INVALID_INTENTS
        return DISALLOWED_INTENTS if intents & self.denied_intents else None

    def known(self, token):
        return isinstance(token, str) and token.removeprefix("Bot ") == self.token

    def resume(self, connection, data):
        if not isinstance(data, dict) or not self.known(data.get("token")):
            return self.close(connection, AUTHENTICATION_FAILED)
        session = self.sessions.get(data.get("session_id"))
        if session is None:
            return connection.send({"op": INVALID, "d": False})
        since = data.get("seq")
        if not isinstance(since, int) or since > session.seq:
            self.attach(connection, session)
            return self.close(connection, INVALID_SEQ)
        missed = session.missed(since)
        self.attach(connection, session)
        for frame in missed:
            connection.send(frame)
        session.dispatch("RESUMED", {"_trace": ["fake"]})
        self.count("resumes")

    # ---- who holds which session

    def attach(self, connection, session):
        if session.connection:
            self.release(session.connection)
        connection.session, session.connection = session, connection

    def release(self, connection):
        if connection.session:
            connection.session.connection = None
        connection.session = None

    def forget(self, connection):
        session = connection.session
        self.release(connection)
        if session:
            self.sessions.pop(session.id, None)
            self.voice.left(session)

    def ended(self, connection):
        self.open.discard(connection)
        code = connection.websocket.close_code
        if not connection.closed_here:  # Else this code is only the echo of ours.
            self.closed_with.append(code)
            if code in FINAL:
                self.forget(connection)
        self.release(connection)
        self.changed()


def seen_by(intents, bot, event, data):
    """What a session with these intents gets of an event; None if nothing."""
    if event.startswith("MESSAGE_"):
        return with_content(intents, bot, data) if intents & GUILD_MESSAGES else None
    if event == "VOICE_STATE_UPDATE":
        return data if intents & GUILD_VOICE_STATES else None
    if event.startswith("GUILD_MEMBER_"):
        return data if intents & GUILD_MEMBERS else None
    if event.startswith(("GUILD_", "CHANNEL_", "THREAD_")):
        return data if intents & GUILDS else None
    return data


def with_content(intents, bot, message):
    """Without the intent, a bot reads only what it wrote and what addresses it."""
    mentioned = any(user["id"] == bot for user in message.get("mentions", []))
    if intents & MESSAGE_CONTENT or "author" not in message or message["author"]["id"] == bot or mentioned:
        return message
    return message | {"content": "", "embeds": [], "attachments": [], "components": []}

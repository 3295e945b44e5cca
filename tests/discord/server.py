"""What both backends share: the HTTP server, Discord's manners on it, the journal, faults, waits, start and end.

A backend answers requests (`Call`) and says what it holds; this file checks the authorization, keeps rate limit
buckets, cuts and delays on demand, writes the journal and serves /_control.

/_control speaks JSON; what a test asks for wrongly is 400 {error}, a wait in vain 408 {error, last}. `timeout` is in seconds.

POST /command       {user, channel, name, options?, id?, force?} -> {id, token}; the same id again is sent again
POST /autocomplete  the same, an option with `focused: true`
POST /button        {user, message, custom_id, values?, id?, force?}; message is an id or "@original of INTERACTION"
POST /message       {user, channel, content, id?} -> {id}
POST /dispatch      {t, d}: any event, whatever the intents
POST /advance       {seconds}: the clock of deadlines
GET  /interaction/ID?wait=acknowledged|answered|edited&contains=TEXT&timeout=
                    -> {id, kind, type, acknowledged_after_ms, ephemeral, original, followups, choices, modal, edits, deleted}
GET  /messages/CHANNEL?wait_count=N&contains=TEXT&timeout=
                    -> messages as on the wire, and of each files [{filename, size, base64, text?}], pings, allowed_mentions
GET  /commands, /ids, /journal, /unknown (must be empty at the end of a test)
POST /fault         {match: "METHOD /path with *", status?, body?, retry_after?, global?, delay_ms?, cut?, times?}; cut: "before"
                    loses the request, true or "after" the answer; GET lists what is pending, DELETE drops it
POST /gateway       {do: "close", code} | "reconnect" | "invalid", resumable | "withhold_acks", on | "drop"
GET  /gateway?wait_ready=N&wait_resumes=N&wait_identifies=N&wait_heartbeats=N&wait_connections=N&timeout=
POST /voice         {user, channel}, null for none: somebody goes there and listens, or the bot is moved | {do: "close", code} now
                    | "refuse", code: the next identify or resume | "withhold_acks", on | "lag", ms:
                    what is for the encrypted group takes so long | "drop"
GET  /voice?wait_packets=N&wait_silences=N&wait_identifies=N&wait_resumes=N&wait_heartbeats=N&wait_transitions=N&wait_over=N
                    &timeout= -> calls [{n, user, channel, state: asked|open|lost|over, mode, packets, encrypted, bad, seconds,
                    speaking, ..}]; the counts are of all calls together
GET  /voice/N/audio -> {file, overheard, seconds, rms}: what was heard in call N, and what is heard of it without the keys of
                    its end-to-end encryption: WAV files, mono, 16 bits, 48 kHz"""

import argparse
import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import json
import math
import os
import re
import socket
import sys
import time

from aiohttp import web

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "loopback"))

from control import Bell, Faults, controlled, ended, fault_controls, say
from voice import Voice

PREFIX = re.compile(r"^/api(/v10)?(?=/)")
# These are authorized by the token in their path.
TOKEN_IN_PATH = re.compile(r"^/(interactions/[^/]+/[^/]+/callback|webhooks/[^/]+/[^/]+(/.*)?)$")
REQUEST_LIMIT = 25 << 20
WAIT_SECONDS = 10.0


class Refusal(Exception):
    """Discord's error object, on its way out."""

    def __init__(self, status, code, message, **rest):
        super().__init__(message)
        self.status, self.body = status, {"message": message, "code": code} | rest


def not_found():
    return Refusal(404, 0, "404: Not Found")


def invalid(path, code, message):
    """What is wrong stands at the end of the path to it: `embeds.0.title`."""
    errors = {"_errors": [{"code": code, "message": message}]}
    for step in reversed(path.split(".")):
        errors = {step: errors}
    return Refusal(400, 50035, "Invalid Form Body", errors=errors)


def check_length(path, text, least, most):
    if not isinstance(text, str):
        raise invalid(path, "STRING_TYPE_CONVERT", "Could not interpret as string.")
    if len(text) > most and not least:
        raise invalid(path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
    if not least <= len(text) <= most:
        raise invalid(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")


def check_count(path, items, most):
    if not isinstance(items, list):
        raise invalid(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    if len(items) > most:
        raise invalid(path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")


@dataclasses.dataclass
class File:
    field: str
    name: str
    type: str
    data: bytes

    def shown(self):
        return {"field": self.field, "filename": self.name, "content_type": self.type} | contents(self.data)


def contents(data):
    """A file for those who read JSON; `text` only if it is text."""
    with contextlib.suppress(UnicodeDecodeError):
        return {"size": len(data), "base64": base64.b64encode(data).decode(), "text": data.decode()}
    return {"size": len(data), "base64": base64.b64encode(data).decode()}


@dataclasses.dataclass
class Call:
    method: str
    path: str
    query: dict
    json: object = None
    files: list = dataclasses.field(default_factory=list)
    authorization: str | None = None
    headers: dict = dataclasses.field(default_factory=dict)

    def flag(self, name):
        return self.query.get(name, "").lower() in ("1", "true")

    def object(self):
        if not isinstance(self.json, dict):
            raise Refusal(400, 50109, "The request body contains invalid JSON.")
        return self.json


class Buckets:
    """Requests left in each bucket: one a route and major id, `limit` in every window of `seconds`."""

    def __init__(self, limit, seconds):
        self.limit, self.seconds = limit, seconds
        self.windows = {}

    def take(self, call):
        """Rate limit headers, and the seconds to wait if nothing was left."""
        route, major = bucket(call)
        now = time.time()
        ends, left = self.windows.get((route, major), (0.0, 0))
        if now >= ends:
            ends, left = now + self.seconds, self.limit
        self.windows[route, major] = ends, max(0, left - 1)
        headers = {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(max(0, left - 1)),
                   "X-RateLimit-Reset": f"{ends:.3f}", "X-RateLimit-Reset-After": f"{ends - now:.3f}",
                   "X-RateLimit-Bucket": hashlib.md5(route.encode()).hexdigest(),
                   "Via": "1.1 google"}  # discord.py takes a 429 without it for a ban by Cloudflare.
        return headers, None if left else ends - now


def bucket(call):
    """The route without its ids, and its major id: buckets are apart by channel, guild, webhook."""
    first, _, rest = call.path.strip("/").partition("/")
    major, _, rest = rest.partition("/")
    if first in ("interactions", "webhooks"):
        rest = re.sub(r"^[^/]+", ":token", rest)
    route = re.sub(r"(?<=/)\d+(?=/|$)", ":id", f"{call.method} /{first}/:major/{rest}")
    return route, f"{first}/{major}"


FAULT = {"status": int, "retry_after": (int, float), "global": bool, "delay_ms": int, "cut": (bool, str), "body": object}


def too_many(seconds, everywhere=False):
    """The header counts whole seconds, the body says it exactly."""
    headers = {"Retry-After": str(math.ceil(seconds)), "X-RateLimit-Scope": "global" if everywhere else "user"}
    if everywhere:
        headers["X-RateLimit-Global"] = "true"
    else:
        headers |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": f"{seconds:.3f}",
                    "X-RateLimit-Reset": f"{time.time() + seconds:.3f}"}
    return {"message": "You are being rate limited.", "retry_after": seconds, "global": everywhere}, headers


class Server:
    """A backend has `answer(call)` (a payload, None for 204, or Refusal) and what /_control asks for."""

    def __init__(self, backend, gateway, bell, options):
        self.backend, self.gateway, self.bell = backend, gateway, bell
        self.authorization = f"Bot {options.token}"
        self.buckets = Buckets(*options.rate)
        self.faults = Faults(FAULT)
        self.journal, self.unknown = [], []
        self.began = time.monotonic()

    def application(self):
        app = web.Application(client_max_size=REQUEST_LIMIT)
        app.router.add_get("/", self.gateway.serve)
        app.router.add_route("*", "/api/{path:.*}", self.rest)
        for method, path, handler in self.controls():
            app.router.add_route(method, "/_control" + path, controlled(handler))
        return app

    # ---- Discord's side

    async def rest(self, request):
        try:
            call = await read(request)
        except web.HTTPRequestEntityTooLarge:
            return reply(413, {"message": "Request entity too large", "code": 40005})
        entry = self.enter(call)
        fault = self.faults.take(call.method, call.path)
        await asyncio.sleep(fault.get("delay_ms", 0) / 1000)
        if fault.get("cut") == "before":
            return self.cut(request, entry)
        status, payload, headers = self.outcome(call, fault)
        if fault.get("cut"):
            return self.cut(request, entry)
        entry["status"] = status
        self.bell.ring()
        return reply(status, payload, headers)

    def enter(self, call):
        entry = {"n": len(self.journal) + 1, "at_ms": round((time.monotonic() - self.began) * 1000), "method": call.method,
                 "path": call.path, "query": call.query, "headers": call.headers | {"authorization": call.authorization},
                 "json": call.json, "files": [file.shown() for file in call.files], "status": None}
        self.journal.append(entry)
        return entry

    def cut(self, request, entry):
        entry["status"] = "cut"
        self.bell.ring()
        request.transport.abort()
        return web.Response(status=500)

    def outcome(self, call, fault):
        headers, exhausted = self.buckets.take(call)
        if fault.get("status") == 429 and "body" not in fault:
            payload, more = too_many(fault.get("retry_after", 1.0), fault.get("global", False))
            return 429, payload, headers | more
        if "status" in fault:
            return fault["status"], fault.get("body", {"message": "Internal Server Error", "code": 0}), headers
        if not TOKEN_IN_PATH.match(call.path) and call.authorization != "bot":
            return 401, {"message": "401: Unauthorized", "code": 0}, headers
        if exhausted:
            payload, more = too_many(exhausted)
            return 429, payload, headers | more
        return *self.answer(call), headers

    def answer(self, call):
        try:
            payload = self.backend.answer(call)
            return 204 if payload is None else 200, payload
        except Refusal as refusal:
            if refusal.body == not_found().body or refusal.status == 501:
                self.not_served(call, refusal.status, refusal.body["message"])
            return refusal.status, refusal.body
        except Exception as error:  # A body of a shape that Discord would refuse somehow, and nobody here foresaw.
            self.not_served(call, 500, f"{type(error).__name__}: {error}")
            return 500, {"message": "500: Internal Server Error", "code": 0}

    def not_served(self, call, status, message):
        self.unknown.append({"method": call.method, "path": call.path, "status": status, "message": message})

    # ---- the tests' side

    def controls(self):
        return [("POST", "/command", self.interact(self.backend.command)),
                ("POST", "/autocomplete", self.interact(self.backend.autocomplete)),
                ("POST", "/button", self.interact(self.backend.button)),
                ("POST", "/message", self.interact(self.backend.message)),
                ("POST", "/dispatch", self.dispatch), ("POST", "/advance", self.advance),
                ("GET", "/interaction/{id}", self.interaction), ("GET", "/messages/{channel}", self.messages),
                ("GET", "/commands", say(self.backend.commands)), ("GET", "/ids", say(self.backend.ids)),
                ("GET", "/journal", say(lambda: self.journal)), ("GET", "/unknown", say(lambda: self.unknown)),
                *fault_controls(self.faults), ("POST", "/gateway", self.act), ("GET", "/gateway", self.report),
                ("POST", "/voice", self.act_in_voice), ("GET", "/voice", self.report_voice),
                ("GET", "/voice/{n}/audio", self.audio)]

    def interact(self, action):
        async def handler(request):
            return action(await request.json())
        return handler

    async def dispatch(self, request):
        body = await request.json()
        self.gateway.dispatch_raw(body["t"], body["d"])
        return {}

    async def advance(self, request):
        self.backend.advance((await request.json())["seconds"])
        return {}

    async def interaction(self, request):
        id, query = request.match_info["id"], request.query
        wanted = query.get("wait")
        if wanted not in (None, "acknowledged", "answered", "edited"):
            raise ValueError(f"wait=acknowledged, answered or edited, not {wanted}")

        def condition():
            shown = self.backend.interaction(id)
            return reached(shown, wanted) and query.get("contains", "") in "\n".join(strings(shown))
        return await self.when(condition, query, lambda: self.backend.interaction(id))

    async def messages(self, request):
        channel, query = request.match_info["channel"], request.query
        count, contains = int(query.get("wait_count", 0)), query.get("contains")

        def condition():
            if self.backend.count(channel) < count:
                return False
            return not contains or contains in "\n".join(strings(self.backend.messages(channel)))
        return await self.when(condition, query, lambda: self.backend.messages(channel))

    async def report(self, request):
        query = request.query
        counts = {"wait_ready": "ready", "wait_resumes": "resumes", "wait_identifies": "identifies",
                  "wait_heartbeats": "heartbeats", "wait_connections": "connections"}
        least = [(name, int(query[wait])) for wait, name in counts.items() if wait in query]
        return await self.when(lambda: all(self.gateway.counts[name] >= n for name, n in least), query, self.gateway.report)

    async def when(self, condition, query, shown):
        if await self.bell.until(condition, float(query.get("timeout", WAIT_SECONDS))):
            return shown()
        return web.json_response({"error": "timed out", "last": shown()}, status=408)

    async def act(self, request):
        self.gateway.act(await request.json())
        return self.gateway.report()

    async def act_in_voice(self, request):
        self.gateway.voice.act(await request.json())
        return {}

    async def report_voice(self, request):
        query, report = request.query, self.gateway.voice.report
        least = [(name.removeprefix("wait_"), int(n)) for name, n in query.items() if name.startswith("wait_")]

        def condition():
            calls = report()
            over = sum(call["state"] == "over" for call in calls)
            return all((over if name == "over" else sum(call[name] for call in calls)) >= n for name, n in least)
        return await self.when(condition, query, report)

    async def audio(self, request):
        return self.gateway.voice.audio(int(request.match_info["n"]))


def reached(shown, wanted):
    """How far an interaction came. A deferral is acknowledged and not yet answered."""
    if wanted is None:
        return True
    if wanted == "acknowledged":
        return shown["type"] is not None
    if wanted == "edited":
        return shown["edits"] > 0
    return shown["type"] in (4, 7, 8, 9) or (shown["type"] is not None and shown["edits"] > 0)


def strings(value):
    """All text in a JSON value, unescaped."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def reply(status, payload, headers=None):
    """Exactly `application/json`: discord.py takes a charset for text."""
    if payload is None:
        return web.Response(status=status, headers=headers)
    if isinstance(payload, str):
        return web.Response(status=status, text=payload, content_type="text/html", headers=headers)
    return web.Response(status=status, body=json.dumps(payload).encode(), content_type="application/json", headers=headers)


async def read(request):
    call = Call(request.method, PREFIX.sub("", request.path), dict(request.query), authorization=kind(request),
                headers={name: request.headers[name] for name in ("Content-Type", "User-Agent", "X-Audit-Log-Reason")
                         if name in request.headers})
    if request.content_type.startswith("multipart/"):
        call.json, call.files = await read_form(request)
    elif body := await request.read():
        call.json = parsed(body)
    return call


def kind(request):
    """Never the value: journals are printed."""
    said = request.headers.get("Authorization")
    return None if said is None else "bot" if said == request.app["authorization"] else "other"


async def read_form(request):
    """`payload_json` and `files[n]`, in any order."""
    payload, files = None, []
    for field, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            files.append(File(field, value.filename, value.content_type, value.file.read()))
        elif field == "payload_json":
            payload = parsed(value)
    return payload, files


def parsed(text):
    """None for what is not JSON: the route refuses it."""
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return None


def options(about):
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="NTAwMA.fake.token-of-the-tests")
    parser.add_argument("--voice", metavar="DIR", help="serve voice; certificates and recordings are there")
    parser.add_argument("--heartbeat-ms", type=int, default=41250)
    parser.add_argument("--deny-intents", type=int, default=0, metavar="BITS", help="close with 4014 whoever asks for one")
    parser.add_argument("--rate", type=rate, default=(50, 1.0), metavar="N/SECONDS", help="requests in each bucket")
    return parser.parse_args()


def rate(text):
    limit, seconds = text.split("/")
    return int(limit), float(seconds)


async def serve(build, about):
    """`build(options, bell, url)` makes the backend and its gateway."""
    chosen, bell = options(about), Bell()
    listener = socket.create_server(("127.0.0.1", chosen.port))
    port = listener.getsockname()[1]
    backend, gateway = build(chosen, bell, f"ws://127.0.0.1:{port}")
    voice = await Voice(gateway, bell.ring, chosen.voice).start()
    server = Server(backend, gateway, bell, chosen)
    app = server.application()
    app["authorization"] = server.authorization
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    await ended()
    await voice.cleanup()
    await runner.cleanup()


def run(build, about):
    asyncio.run(serve(build, about))

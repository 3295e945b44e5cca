"""The speech services of the net on loopback, which speak what they are asked: Edge's read-aloud and Google's translator.

    python tests/speech/fake.py DIR

prints `listening on http://127.0.0.1:PORT`: there it is both services, and /_control. Unchanged programs reach it as
speech.platform.bing.com and translate.google.com by its proxy, if they trust DIR/ca.pem; see ../loopback/tls.py.

/_control speaks JSON; what a test asks for wrongly is 400 {error}, a wait in vain 408 {error, last}. `timeout` is in seconds.

GET  /proxy         {url, authority}
GET  /journal?wait_count=N&timeout=
                    -> [{n, method, path, status, refused?, ..}]: of Edge turns [{text, voice, rate, pitch, volume, format,
                    bytes}], of Google text, voice (the language), rate ("slow", "normal")
GET  /unknown       what neither service has (must be empty at the end of a test)
POST /fault         {match: "METHOD /path with *", status?, silent?, cut?, delay_ms?, times?}; silent: success without audio,
                    cut: the connection ends in the middle of it; GET lists what is pending, DELETE drops it"""

import asyncio
import os
import socket
import sys

sys.dont_write_bytecode = True  # a checkout stays clean
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "loopback"))

import edge
import translate
from aiohttp import web
from control import Bell, Faults, controlled, ended, fault_controls, say
from tls import Proxy

ROUTES = edge.ROUTES + translate.ROUTES
HOSTS = (edge.HOST, translate.HOST)
LOOPBACK = ("127.0.0.1", "localhost")
FAULT = {"status": int, "silent": bool, "cut": bool, "delay_ms": int}
WAIT_SECONDS = 10.0


class Fake:
    def __init__(self, directory):
        self.directory = directory
        self.bell, self.faults = Bell(), Faults(FAULT)
        self.journal, self.unknown = [], []

    def application(self, proxy):
        app = web.Application()
        about = {"url": f"http://127.0.0.1:{proxy}", "authority": os.path.join(self.directory, "ca.pem")}
        controls = [("GET", "/proxy", say(lambda: about)), ("GET", "/journal", self.read),
                    ("GET", "/unknown", say(lambda: self.unknown)), *fault_controls(self.faults)]
        for method, path, handler in controls:
            app.router.add_route(method, "/_control" + path, controlled(handler))
        app.router.add_route("*", "/{path:.*}", self.serve)
        return app

    async def serve(self, request):
        entry = {"n": len(self.journal) + 1, "method": request.method, "path": request.path, "status": None}
        self.journal.append(entry)
        handler = self.handler(request)
        fault = self.faults.take(request.method, request.path)
        await asyncio.sleep(fault.get("delay_ms", 0) / 1000)
        if handler is None:
            self.unknown.append({"method": request.method, "host": request.host, "path": request.path})
            response = web.Response(status=404)
        elif "status" in fault:
            response = web.Response(status=fault["status"])
        else:
            response = await handler(request, entry, fault)
        entry["status"] = response.status
        self.bell.ring()
        return response

    def handler(self, request):
        host = request.host.partition(":")[0]
        return next((handler for theirs, method, path, handler in ROUTES
                     if (method, path) == (request.method, request.path) and host in (theirs, *LOOPBACK)), None)

    async def read(self, request):
        """What was answered; a websocket is when it is open, and its turns come with time."""
        answered = lambda: [it for it in self.journal if it["status"]]
        count, seconds = int(request.query.get("wait_count", 0)), float(request.query.get("timeout", WAIT_SECONDS))
        if await self.bell.until(lambda: len(answered()) >= count, seconds):
            return answered()
        return web.json_response({"error": "timed out", "last": answered()}, status=408)


async def main(directory):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    proxy = await Proxy(port, directory, *HOSTS).start()
    runner = web.AppRunner(Fake(directory).application(proxy), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    await ended()
    os._exit(0)  # Whoever is still being attended ends with it.


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

"""What tests do to fakes of any kind: wait for what changed, order faults, end them."""

import asyncio
import contextlib
import fnmatch
import os
import signal
import sys
import threading

from aiohttp import web


class Bell:
    """Rings when anything changed, so that a wait is for a condition and not for a while."""

    def __init__(self):
        self.event = asyncio.Event()

    def ring(self):
        self.event.set()
        self.event = asyncio.Event()

    async def until(self, condition, seconds):
        """Whether the condition held in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    await self.event.wait()
        return condition()


class Faults:
    """`known` says of each key of a fault what it may hold; `match` and `times` are in all of them."""

    def __init__(self, known):
        self.known = {"match": str, "times": int} | known
        self.pending = []

    def add(self, fault):
        unknown = [key for key, value in fault.items() if not isinstance(value, self.known.get(key, ()))]
        if unknown or "match" not in fault:
            raise ValueError(f"a fault needs match and knows {', '.join(self.known)}: wrong are {unknown}")
        self.pending.append({"times": 1} | fault)

    def take(self, method, path):
        """The oldest fault that matches; `*` in it stands for any text, slashes too."""
        for fault in self.pending:
            if fnmatch.fnmatchcase(f"{method} {path}", fault["match"]):
                fault["times"] -= 1
                self.pending = [it for it in self.pending if it["times"] > 0]
                return fault
        return {}


def controlled(handler):
    async def answer(request):
        try:
            said = await handler(request)
        except Exception as error:  # The test's own mistake, or the backend's: the test shows it.
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        return said if isinstance(said, web.Response) else web.json_response(said)
    return answer


def say(what):
    async def handler(_):
        return what()
    return handler


def fault_controls(faults):
    async def add(request):
        faults.add(await request.json())
        return {}

    async def clear(_):
        faults.pending = []
        return {}
    return [("POST", "/fault", add), ("GET", "/fault", say(lambda: faults.pending)), ("DELETE", "/fault", clear)]


async def ended():
    """On SIGTERM and when standard input closes, so that a test that was killed leaves nothing behind."""
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    threading.Thread(target=until_closed, args=(loop, end), daemon=True).start()
    await end.wait()


def until_closed(loop, end):
    while os.read(sys.stdin.fileno(), 4096):
        pass
    loop.call_soon_threadsafe(end.set)

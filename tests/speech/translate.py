"""The speech of Google's translator, as gTTS asks for it: one POST a piece of at most 100 characters.

What it will not say is answered as Google does, with 200 and no audio; the journal tells it as `refused`."""

import asyncio
import base64
import json

from aiohttp import web

from mp3 import speech

HOST = "translate.google.com"
RPC = "jQ1olc"
LONGEST = 100
SLOWER = -40  # per cent


async def execute(request, entry, fault):
    try:
        text, language, slow = asked((await request.post())["f.req"])
    except (KeyError, ValueError, TypeError) as error:
        entry["refused"] = f"f.req: {type(error).__name__}: {error}"
        return web.Response(status=400)
    entry |= {"text": text, "voice": language, "rate": "slow" if slow else "normal"}
    audio = await asyncio.to_thread(spoken, text, language, slow)
    if audio is None:
        entry["refused"] = f"{len(text)} characters of {language}"
    body = answer(None if fault.get("silent") else audio)
    return await cut(request, body) if fault.get("cut") else web.Response(text=body, content_type="application/json")


def asked(form):
    """`[[["jQ1olc", "[text, language, slow, \\"null\\"]", null, "generic"]]]`"""
    [[[rpc, inner, nothing, generic]]] = json.loads(form)
    text, language, slow, null = json.loads(inner)
    if (rpc, nothing, generic, null) != (RPC, None, "generic", "null") or slow not in (True, None):
        raise ValueError(form)
    return text, language, bool(slow)


def spoken(text, language, slow):
    if not text.strip() or len(text) > LONGEST:
        return None
    return speech(text, {"en": "en-us"}.get(language, language.lower()), SLOWER if slow else 0, kbit=64)


def answer(audio):
    """A guard, then pieces of JSON, each after its length; the first is compact, as clients take it apart by its text."""
    inner = audio and json.dumps([base64.b64encode(audio).decode()])
    first = json.dumps([["wrb.fr", RPC, inner, None, None, None, "generic"], ["di", 25], ["af.httprm", 24, "0", 6]],
                       separators=(",", ":"))
    last = json.dumps([["e", 4, None, None, len(first)]], separators=(",", ":"))
    return f")]}}'\n\n{len(first) + 2}\n{first}\n{len(last) + 2}\n{last}\n"


async def cut(request, body):
    """Half of what was promised."""
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[:len(body) // 2].encode())
    request.transport.close()
    return response


ROUTES = [(HOST, "POST", "/_/TranslateWebserverUi/data/batchexecute", execute)]

"""Drives fake.py with discord.py, a client that nobody here wrote: it finds the mistakes that a bot and its fake share.

    python tests/discord/foreign.py [face.py]

starts the fake, or the other backend, is a bot at it, and says what differed from what discord.py expects; exit code 0 if
nothing did."""

import array
import asyncio
import cmath
import contextlib
import io
import math
import os
import ssl
import subprocess
import sys
import tempfile
import wave

import aiohttp
import discord
from discord import app_commands

TOKEN = "NTAwMA.token.of-discord-py"
GUILD, GENERAL, OWNER, STRANGER = 1000, 2001, "4001", "4003"
FILE = "one é\ntwo\n"
VOICE, TONE = 2010, 440
SECONDS = 30
PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "fake.py"
# Discord's code for an empty message; simcord has the general one.
EMPTY_MESSAGE = 50035 if PROGRAM == "face.py" else 50006


class Bot(discord.Client):
    """Answers a command, its button and its autocomplete as a bot of discord.py usually does."""

    def __init__(self, **options):
        super().__init__(**options)
        self.tree = app_commands.CommandTree(self)
        self.heard, self.resumed, self.failures = asyncio.Queue(), asyncio.Event(), []
        report = app_commands.Command(name="report", description="Make a report", callback=make_report)
        report.autocomplete("what")(suggest)
        self.tree.add_command(report, guild=discord.Object(GUILD))
        self.tree.on_error = self.failed

    async def setup_hook(self):
        await self.tree.sync(guild=discord.Object(GUILD))

    async def failed(self, _, error):
        self.failures.append(error)

    async def on_error(self, event, *_args, **_kwargs):
        self.failures.append((event, sys.exc_info()[1]))

    async def on_message(self, message):
        await self.heard.put(message)

    async def on_resumed(self):
        self.resumed.set()


class Refresh(discord.ui.View):
    @discord.ui.button(label="Refresh", custom_id="refresh")
    async def refresh(self, interaction, _button):
        await interaction.response.edit_message(content="refreshed", view=self)
        await interaction.followup.send("by the way", ephemeral=True)


async def make_report(interaction: discord.Interaction, what: str, lines: int = 1):
    await interaction.response.defer(ephemeral=True)
    file = discord.File(io.BytesIO(FILE.encode()), "report.txt", description="the report")
    await interaction.edit_original_response(content=f"{what}: {lines} lines", attachments=[file], view=Refresh())


async def suggest(_interaction: discord.Interaction, current: str):
    return [app_commands.Choice(name=f"{current}-{nth}", value=f"{current}{nth}") for nth in (1, 2)]


class Tone(discord.AudioSource):
    """A second of it, in pieces of 20 ms, stereo."""

    def __init__(self):
        samples = (round(8000 * math.sin(math.tau * TONE * nth / 48000)) for nth in range(48000))
        self.rest = io.BytesIO(array.array("h", (both for it in samples for both in (it, it))).tobytes())

    def read(self):
        return self.rest.read(discord.opus.Encoder.FRAME_SIZE)


class Tests:
    """The persons of the guild, over /_control."""

    def __init__(self, base, http):
        self.base, self.http = f"{base}/_control", http

    async def ask(self, method, path, **body):
        async with self.http.request(method, self.base + path, json=body or None) as response:
            said = await response.json()
            if response.status != 200:
                raise AssertionError(f"{method} {path}: {response.status} {said}")
            return said

    async def use(self, action, wait="answered", **order):
        id = (await self.ask("POST", f"/{action}", **order))["id"]
        return await self.ask("GET", f"/interaction/{id}?wait={wait}")


def same(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, not {wanted!r}")


async def guild_is_seen(bot, _tests):
    guild = bot.get_guild(GUILD)
    same("channels", sorted(it.name for it in guild.channels), ["agents", "alerts", "general", "voice"])
    same("threads", [it.name for it in guild.threads], ["thread"])
    same("roles", sorted(it.name for it in guild.roles), ["@everyone", "admins", "fake-bot", "operators", "viewers"])
    same("own permissions", guild.get_channel(GENERAL).permissions_for(guild.me).send_messages, True)
    same("fetched member", (await guild.fetch_member(int(OWNER))).name, "owner")
    same("fetched roles", len(await guild.fetch_roles()), 5)
    same("fetched guild", (await bot.fetch_guild(GUILD)).name, "Fake Guild")
    same("fetched thread", (await bot.fetch_channel(2004)).parent_id, GENERAL)
    same("application", (await bot.application_info()).id, 5000)
    same("queried members", sorted(it.name for it in await guild.query_members("o")), ["operator", "owner"])


async def command_is_registered(bot, tests):
    commands = (await tests.ask("GET", "/commands"))["guilds"][str(GUILD)]
    same("commands", [it["name"] for it in commands], ["report"])
    same("options", [(it["name"], it["type"]) for it in commands[0]["options"]], [("what", 3), ("lines", 4)])
    fetched = await bot.tree.fetch_commands(guild=discord.Object(GUILD))
    same("fetched", [(it.name, str(it.id)) for it in fetched], [("report", commands[0]["id"])])


async def deferred_answer_is_edited(_bot, tests):
    options = [{"name": "what", "type": 3, "value": "agents"}, {"name": "lines", "type": 4, "value": 2}]
    shown = await tests.use("command", user=OWNER, channel=str(GENERAL), name="report", options=options)
    same("type and flag", (shown["type"], shown["ephemeral"], shown["edits"]), (5, True, 1))
    same("content", shown["original"]["content"], "agents: 2 lines")
    same("file", [(it["filename"], it["text"]) for it in shown["original"]["files"]], [("report.txt", FILE)])
    same("seen by all", await tests.ask("GET", f"/messages/{GENERAL}"), [])
    return shown


async def button_is_answered(bot, tests):
    shown = await deferred_answer_is_edited(bot, tests)
    pressed = await tests.use("button", user=OWNER, message=f"@original of {shown['id']}", custom_id="refresh")
    same("type", pressed["type"], 7)
    same("content", pressed["original"]["content"], "refreshed")
    again = await tests.ask("GET", f"/interaction/{pressed['id']}?contains=by%20the%20way")
    same("follow-up", [it["flags"] for it in again["followups"]], [64])


async def autocomplete_is_answered(_bot, tests):
    options = [{"name": "what", "type": 3, "value": "ag", "focused": True}]
    shown = await tests.use("autocomplete", user=STRANGER, channel=str(GENERAL), name="report", options=options)
    same("choices", [it["value"] for it in shown["choices"]], ["ag1", "ag2"])


async def message_is_posted(bot, tests):
    channel = bot.get_channel(2003)
    sent = await channel.send("hello <@4001>", allowed_mentions=discord.AllowedMentions.none(), nonce="once")
    same("the bot hears itself", (await bot.heard.get()).id, sent.id)
    same("fetched", (await channel.fetch_message(sent.id)).content, "hello <@4001>")
    edited = await sent.edit(content="goodbye", attachments=[discord.File(io.BytesIO(b"\x00\xff"), "data.bin")])
    same("edited", (edited.content, edited.attachments[0].size), ("goodbye", 2))
    answer = await sent.reply("a reply", mention_author=False)
    same("reply", (answer.reference.message_id, answer.type), (sent.id, discord.MessageType.reply))
    await bot.heard.get()
    async with channel.typing():
        pass
    shown = await tests.ask("GET", "/messages/2003?wait_count=2")
    same("as tests see it", [(it["content"], it["pings"]) for it in shown], [("goodbye", []), ("a reply", [])])
    same("file", shown[0]["files"][0]["base64"], "AP8=")
    await answer.delete()


async def webhook_posts(bot, tests):
    hook = (await tests.ask("GET", "/ids"))["webhooks"]["alerts"]
    webhook = discord.Webhook.partial(int(hook["id"]), hook["token"], session=tests.http)
    sent = await webhook.send("fire", username="siren", wait=True)
    same("author", (sent.author.name, (await bot.heard.get()).webhook_id), ("siren", int(hook["id"])))
    await sent.edit(content="out")


async def content_needs_its_intent(bot, tests):
    await tests.ask("POST", "/message", user=STRANGER, channel=str(GENERAL), content="secret")
    heard = await bot.heard.get()
    same("content", (heard.author.name, heard.content), ("stranger", ""))
    await tests.ask("POST", "/message", user=STRANGER, channel=str(GENERAL), content="<@5000> hello")
    same("when addressed", (await bot.heard.get()).content, "<@5000> hello")


async def errors_are_told_apart(bot, _tests):
    channel = bot.get_channel(GENERAL)
    for status, code, call in ((404, 10003, bot.fetch_channel(9)), (404, 10008, channel.fetch_message(9)),
                               (400, 50035, channel.send("x" * 2001)), (400, EMPTY_MESSAGE, channel.send(""))):
        try:
            await call
        except discord.HTTPException as error:
            same("error", (error.status, error.code), (status, code))
        else:
            raise AssertionError(f"{code} was not raised")


async def limits_are_waited_for(bot, tests):
    for everywhere in (False, True):
        order = {"match": "POST /channels/*", "status": 429, "retry_after": 0.3, "global": everywhere}
        await tests.ask("POST", "/fault", **order)
        began = asyncio.get_running_loop().time()
        sent = await bot.get_channel(GENERAL).send("patient")
        same("waited", asyncio.get_running_loop().time() - began >= 0.3, True)
        same("heard", (await bot.heard.get()).id, sent.id)
    await tests.ask("POST", "/fault", match="POST /channels/*", status=502, times=1)
    same("after 502", (await bot.get_channel(GENERAL).send("again")).content, "again")
    await bot.heard.get()


async def voice_is_heard(bot, tests):
    for is_encrypted in (False, True):
        if is_encrypted:
            await tests.ask("POST", "/voice", user=OWNER, channel=str(VOICE))
        line = await bot.get_channel(VOICE).connect(timeout=10)
        await tests.ask("GET", f"/voice?wait_transitions={int(is_encrypted)}")
        over = asyncio.Event()
        line.play(Tone(), after=lambda _: bot.loop.call_soon_threadsafe(over.set))
        await over.wait()
        await line.disconnect()
    await tests.ask("POST", "/voice", user=OWNER, channel=None)
    calls = await tests.ask("GET", "/voice?wait_over=2&wait_packets=100")
    for is_encrypted, call in enumerate(calls):
        same("encrypted", call["encrypted"], is_encrypted * (call["packets"] - call["silences"]))
        same("packets", (call["bad"], call["gaps"], call["late"]), (0, [], 0))
        same("spoken", (call["speaking"][:2], call["seconds"] >= 1.0), ([0, 1], True))
        part = of_tone((await tests.ask("GET", f"/voice/{call['n']}/audio"))["file"])
        same("mostly the tone", part > 0.95, True)


def of_tone(path):
    """The part of the energy in the middle of the sound that is the tone."""
    with wave.open(path) as file:
        same("format", (file.getframerate(), file.getnchannels(), file.getsampwidth()), (48000, 1, 2))
        samples = array.array("h", file.readframes(48000))[12000:36000]
    wave_of = sum(sample * cmath.exp(-1j * math.tau * TONE * nth / 48000) for nth, sample in enumerate(samples))
    return 2 * abs(wave_of) ** 2 / len(samples) / sum(sample * sample for sample in samples)


async def voice_is_taken_away(bot, tests):
    channel = bot.get_channel(VOICE)
    await tests.ask("POST", "/voice", do="refuse", code=4006)
    line = await channel.connect(timeout=10)
    same("tried again", [it["state"] for it in await tests.ask("GET", "/voice")][-2:], ["over", "open"])
    same("members", [it.id for it in channel.members], [bot.user.id])
    await tests.ask("POST", "/voice", user=str(bot.user.id), channel=None)
    while line.is_connected() or channel.members:
        await asyncio.sleep(0.05)


async def connection_is_resumed(bot, tests):
    for nth, order in enumerate(({"do": "drop"}, {"do": "reconnect"}, {"do": "close", "code": 4000}), 1):
        bot.resumed.clear()
        await tests.ask("POST", "/gateway", **order)
        await tests.ask("POST", "/message", user=OWNER, channel=str(GENERAL), content=f"missed {nth} <@5000>")
        counts = await tests.ask("GET", f"/gateway?wait_resumes={nth}&timeout=20")
        same("identifies", counts["identifies"], 1)
        same("missed", (await bot.heard.get()).content, f"missed {nth} <@5000>")
        await bot.resumed.wait()
    same("nothing twice", bot.heard.qsize(), 0)


async def session_is_made_anew(_bot, tests):
    for nth, order in enumerate(({"do": "invalid", "resumable": False}, {"do": "close", "code": 4009}), 2):
        await tests.ask("POST", "/gateway", **order)
        counts = await tests.ask("GET", f"/gateway?wait_ready={nth}&timeout=20")
        same("identifies", counts["identifies"], nth)


async def nothing_was_unknown(bot, tests):
    same("unknown routes", await tests.ask("GET", "/unknown"), [])
    same("failures in the bot", bot.failures, [])
    entries = await tests.ask("GET", "/journal")
    same("authorizations", {it["headers"]["authorization"] for it in entries}, {"bot", None})
    same("the token in the journal", TOKEN in str(entries), False)


CHECKS = [guild_is_seen, command_is_registered, deferred_answer_is_edited, button_is_answered, autocomplete_is_answered,
          message_is_posted, webhook_posts, content_needs_its_intent, errors_are_told_apart, limits_are_waited_for,
          voice_is_heard, voice_is_taken_away, connection_is_resumed, session_is_made_anew, nothing_was_unknown]


@contextlib.contextmanager
def backend():
    """Ends with its standard input."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), PROGRAM)
    with tempfile.TemporaryDirectory() as place, subprocess.Popen(
            [sys.executable, program, "--token", TOKEN, "--voice", place], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True) as process:
        yield process.stdout.readline().split()[-1], os.path.join(place, "ca.pem")
        process.stdin.close()


async def check(base, authority):
    """How many checks failed."""
    discord.http.Route.BASE = f"{base}/api/v10"
    failed = 0
    intents = discord.Intents(guilds=True, guild_messages=True, voice_states=True)
    trusting = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=authority))
    async with aiohttp.ClientSession() as http, Bot(intents=intents, connector=trusting) as bot:
        running = asyncio.create_task(bot.start(TOKEN))
        await asyncio.wait_for(ready(bot, running), SECONDS)
        for it in CHECKS:
            try:
                await asyncio.wait_for(it(bot, Tests(base, http)), SECONDS)
            except (AssertionError, TimeoutError, discord.DiscordException) as error:
                failed += 1
                print(f"foreign: {it.__name__}: {type(error).__name__} {error}", file=sys.stderr)
    return failed


async def ready(bot, running):
    """Or the reason why it will never be."""
    waiting = asyncio.create_task(bot.wait_until_ready())
    await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()


def main():
    with backend() as (base, authority):
        address = base.removeprefix("http")
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = discord.gateway.yarl.URL(f"ws{address}")
        return 1 if asyncio.run(check(base, authority)) else 0


if __name__ == "__main__":
    sys.exit(main())

"""A Discord on loopback, ours: REST and gateway of one guild, as far as a bot may need them, with faults on demand.

    python tests/discord/fake.py [--port 0] [--token TOKEN] [--voice DIR]

prints `listening on http://127.0.0.1:PORT`. Under /api and /api/v10 it is Discord; under /_control tests act as
persons, read what the bot did, wait for it and break things. Nothing is kept on disk, save in DIR, where the
certificate of the voice server is and its recordings are. It does not serve direct
messages, reactions or the history of channels. It lets everyone use every command, `default_member_permissions` or not:
whom the bot admits is for the bot to show.

Other files: server.py (HTTP, journal, faults, waits), gateway.py, voice.py with dave.py and rtp.py, world.py (the guild),
commands.py, interactions.py, messages.py. face.py serves the same with the rules of simcord; foreign.py drives this one
with discord.py."""

import re
import sys
import time

sys.dont_write_bytecode = True  # a checkout stays clean

import commands
import interactions
import messages
import world
from gateway import Gateway
from interactions import Interaction
from messages import Message
from server import Refusal, check_length, invalid, not_found, run

NONCE_SECONDS = 5 * 60
ROUTES = []


def route(method, template):
    """`{name}` is one step of the path; routes are tried in the order of this file."""
    pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template) + "$")

    def register(handler):
        ROUTES.append((method, pattern, handler))
        return handler
    return register


def known(table, id, code, what):
    if id not in table:
        raise Refusal(404, code, f"Unknown {what}")
    return table[id]


class Fake:
    def __init__(self, options, bell, url):
        self.bell, self.url = bell, url
        self.ids_made = world.snowflakes()
        self.gateway = Gateway(options.token, world.APPLICATION, lambda session: world.ready(session, url),
                               lambda: [("GUILD_CREATE", self.guild_create())], world.chunk, bell.ring,
                               options.heartbeat_ms, options.deny_intents)
        self.kept = {}
        self.nonces = {}
        self.registered = {}
        self.interactions, self.tokens = {}, {}
        self.said = {}
        self.ahead = 0.0

    def guild_create(self):
        return world.guild_create() | {"voice_states": self.gateway.voice.present()}

    def next_id(self):
        return next(self.ids_made)

    def now(self):
        return time.monotonic() + self.ahead

    def answer(self, call):
        found = [(method, handler, match) for method, pattern, handler in ROUTES if (match := pattern.match(call.path))]
        for method, handler, match in found:
            if method == call.method:
                return handler(self, call, **match.groupdict())
        raise not_found()

    # ---- who and where

    @route("GET", "/gateway")
    def get_gateway(self, call):
        return {"url": self.url}

    @route("GET", "/gateway/bot")
    def get_gateway_bot(self, call):
        remaining = max(0, 1000 - self.gateway.counts["identifies"])
        limit = {"total": 1000, "remaining": remaining, "reset_after": 86_400_000, "max_concurrency": 1}
        return {"url": self.url, "shards": 1, "session_start_limit": limit}

    @route("GET", "/users/@me")
    def get_me(self, call):
        return world.me()

    @route("GET", "/users/{user}")
    def get_user(self, call, user):
        known(world.MEMBER_ROLES, user, 10013, "User")
        return world.user(user)

    @route("GET", "/applications/@me")
    @route("GET", "/oauth2/applications/@me")
    def get_application(self, call):
        return world.application()

    @route("GET", "/guilds/{guild}")
    def get_guild(self, call, guild):
        self.check_guild(guild)
        counts = {"approximate_member_count": 5, "approximate_presence_count": 1} if call.flag("with_counts") else {}
        return world.guild() | counts

    @route("GET", "/guilds/{guild}/roles")
    def get_roles(self, call, guild):
        self.check_guild(guild)
        return world.roles()

    @route("GET", "/guilds/{guild}/channels")
    def get_channels(self, call, guild):
        self.check_guild(guild)
        return world.guild_create()["channels"]

    @route("GET", "/guilds/{guild}/members/{user}")
    def get_member(self, call, guild, user):
        self.check_guild(guild)
        user = world.APPLICATION if user == "@me" else user
        known(world.MEMBER_ROLES, user, 10007, "Member")
        return world.member(user)

    @route("GET", "/channels/{channel}")
    def get_channel(self, call, channel):
        self.check_channel(channel)
        return world.channel(channel)

    def check_guild(self, guild):
        known({world.GUILD: guild}, guild, 10004, "Guild")

    def check_channel(self, channel):
        if channel not in world.CHANNELS.values():
            raise Refusal(404, 10003, "Unknown Channel")

    # ---- commands

    @route("PUT", "/applications/{application}/commands")
    @route("PUT", "/applications/{application}/guilds/{guild}/commands")
    def put_commands(self, call, application, guild=None):
        self.check_scope(application, guild)
        table = commands.register(call.json, self.registered.get(guild, {}), self.next_id, guild)
        self.registered[guild] = table
        return list(table.values())

    @route("GET", "/applications/{application}/commands")
    @route("GET", "/applications/{application}/guilds/{guild}/commands")
    def get_commands(self, call, application, guild=None):
        self.check_scope(application, guild)
        return list(self.registered.get(guild, {}).values())

    def check_scope(self, application, guild):
        known({world.APPLICATION: application}, application, 10002, "Application")
        if guild is not None:
            self.check_guild(guild)

    # ---- messages

    @route("POST", "/channels/{channel}/messages")
    def post_message(self, call, channel):
        self.check_channel(channel)
        body = call.object()
        twin = self.twin(channel, body)
        if twin:
            return twin.wire
        messages.check(body, call.files)
        message = self.create(channel, world.user(world.APPLICATION), body, call.files, **self.reference(channel, body))
        if body.get("nonce") is not None:
            message.wire["nonce"] = body["nonce"]
            self.nonces[channel, str(body["nonce"])] = self.now(), message
        self.announce("MESSAGE_CREATE", message)
        return message.wire

    def twin(self, channel, body):
        """With `enforce_nonce`, the message that came with the same nonce some minutes ago."""
        if body.get("nonce") is None:
            return None
        messages.check_nonce(body["nonce"])
        since, message = self.nonces.get((channel, str(body["nonce"])), (float("-inf"), None))
        return message if body.get("enforce_nonce") and self.now() - since < NONCE_SECONDS else None

    def reference(self, channel, body):
        wanted = body.get("message_reference")
        if not wanted:
            return {}
        message = self.kept.get(str(wanted["message_id"]))
        if message is None and wanted.get("fail_if_not_exists", True):
            raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        reference = {"type": 0, "channel_id": channel, "message_id": str(wanted["message_id"]), "guild_id": world.GUILD}
        return {"type": messages.REPLY, "message_reference": reference, "referenced_message": message and message.wire}

    def create(self, channel, author, body, files, id=None, **more):
        message = Message(id or self.next_id(), channel, author, body, files, self.next_id, **more)
        self.kept[message.wire["id"]] = message
        return message

    def announce(self, event, message):
        """Ephemeral messages are for the one who asked: no channel has them."""
        if not message.ephemeral:
            whole = message.wire | {"guild_id": world.GUILD}
            author = whole["author"]["id"]
            if event == "MESSAGE_CREATE" and "webhook_id" not in whole:
                whole["member"] = {key: value for key, value in world.member(author).items() if key != "user"}
            self.gateway.dispatch(event, whole)

    def change(self, message, call):
        messages.check(call.object(), call.files)
        message.edit(call.json, call.files, self.next_id)
        self.announce("MESSAGE_UPDATE", message)
        return message.wire

    def remove(self, message):
        self.kept.pop(message.wire["id"], None)
        gone = {"id": message.wire["id"], "channel_id": message.wire["channel_id"], "guild_id": world.GUILD}
        if not message.ephemeral:
            self.gateway.dispatch("MESSAGE_DELETE", gone)

    def in_channel(self, channel, id):
        self.check_channel(channel)
        message = self.kept.get(id)
        if message is None or message.ephemeral or message.wire["channel_id"] != channel:
            raise Refusal(404, 10008, "Unknown Message")
        return message

    @route("GET", "/channels/{channel}/messages/{id}")
    def get_message(self, call, channel, id):
        return self.in_channel(channel, id).wire

    @route("PATCH", "/channels/{channel}/messages/{id}")
    def patch_message(self, call, channel, id):
        message = self.in_channel(channel, id)
        if message.wire["author"]["id"] != world.APPLICATION:
            raise Refusal(403, 50005, "Cannot edit a message authored by another user")
        return self.change(message, call)

    @route("DELETE", "/channels/{channel}/messages/{id}")
    def delete_message(self, call, channel, id):
        self.remove(self.in_channel(channel, id))

    @route("POST", "/channels/{channel}/typing")
    def post_typing(self, call, channel):
        self.check_channel(channel)

    # ---- answers to interactions

    @route("POST", "/interactions/{id}/{token}/callback")
    def callback(self, call, id, token):
        interaction = self.interactions.get(id)
        if interaction is None or interaction.token != token:
            raise Refusal(404, 10062, "Unknown interaction")
        body = call.object()
        type, now = body.get("type"), self.now()
        interaction.acknowledge(type, now)
        message = self.first(interaction, type, body.get("data") or {}, call.files)
        interaction.acknowledged(type, now)
        return callback_response(interaction, message) if call.flag("with_response") else None

    def first(self, interaction, type, data, files):
        """What the first answer does, by its type; the message that it made or changed."""
        if type == interactions.CHOICES:
            interaction.suggest(data.get("choices") or [])
        elif type == interactions.MODAL:
            interaction.ask(data)
        elif type == interactions.UPDATE:
            messages.check(data, files)
            interaction.source.edit(data, files, self.next_id)
            self.announce("MESSAGE_UPDATE", interaction.source)
            return interaction.source
        elif type in (interactions.MESSAGE, interactions.DEFERRED):
            return self.open(interaction, type, data, files)
        return None

    def open(self, interaction, type, data, files):
        messages.check(data, files)
        loading = messages.LOADING if type == interactions.DEFERRED else 0
        flags = (data.get("flags") or 0) & (messages.SETTABLE | messages.EPHEMERAL) | loading
        interaction.original = self.respond(interaction, data, files, flags)
        interaction.ephemeral = bool(flags & messages.EPHEMERAL)
        return interaction.original

    def respond(self, interaction, body, files, flags):
        message = self.create(interaction.channel, world.user(world.APPLICATION), body, files, flags=flags,
                              webhook_id=world.APPLICATION, application_id=world.APPLICATION, **interaction.metadata())
        self.announce("MESSAGE_CREATE", message)
        return message

    @route("POST", "/webhooks/{id}/{token}")
    def execute(self, call, id, token):
        if id != world.APPLICATION:
            return self.execute_plain(call, id, token)
        interaction = self.by_token(id, token)
        body = call.object()
        if interaction.loading:  # Until then the first follow-up completes the deferred answer.
            interaction.edits += 1
            return self.change(interaction.original, call)
        messages.check(body, call.files)
        flags = (body.get("flags") or 0) & (messages.SETTABLE | messages.EPHEMERAL)
        message = self.respond(interaction, body, call.files, flags)
        interaction.followups.append(message)
        return message.wire

    def execute_plain(self, call, id, token):
        webhook = self.webhook(id, token)
        body = call.object()
        messages.check(body, call.files)
        name = body.get("username") or "alerts"
        check_length("username", name, 1, 80)
        author = {"id": id, "username": name, "avatar": None, "discriminator": "0000", "public_flags": 0, "flags": 0,
                  "bot": True, "global_name": None}
        message = self.create(webhook["channel"], author, body, call.files, webhook_id=id)
        self.announce("MESSAGE_CREATE", message)
        return message.wire if call.flag("wait") else None

    @route("GET", "/webhooks/{id}/{token}")
    def get_webhook(self, call, id, token):
        webhook = self.webhook(id, token)
        return {"id": id, "type": 1, "name": "alerts", "avatar": None, "channel_id": webhook["channel"], "token": token,
                "guild_id": world.GUILD, "application_id": None}

    def webhook(self, id, token):
        webhook = known({it["id"]: it for it in world.WEBHOOKS.values()}, id, 10015, "Webhook")
        if webhook["token"] != token:
            raise Refusal(401, 50027, "Invalid Webhook Token")
        return webhook

    def by_token(self, application, token):
        known({world.APPLICATION: True}, application, 10015, "Webhook")
        interaction = self.tokens.get(token)
        if interaction is None:
            raise Refusal(401, 50027, "Invalid Webhook Token")
        interaction.check_token(self.now())
        return interaction

    @route("GET", "/webhooks/{id}/{token}/messages/@original")
    def get_original(self, call, id, token):
        return self.by_token(id, token).target().wire

    @route("PATCH", "/webhooks/{id}/{token}/messages/@original")
    def patch_original(self, call, id, token):
        interaction = self.by_token(id, token)
        shown = self.change(interaction.target(), call)
        interaction.edits += 1
        return shown

    @route("DELETE", "/webhooks/{id}/{token}/messages/@original")
    def delete_original(self, call, id, token):
        interaction = self.by_token(id, token)
        self.remove(interaction.target())
        interaction.deleted = True

    @route("GET", "/webhooks/{id}/{token}/messages/{message}")
    def get_followup(self, call, id, token, message):
        return self.of_webhook(id, token, message).wire

    @route("PATCH", "/webhooks/{id}/{token}/messages/{message}")
    def patch_followup(self, call, id, token, message):
        found = self.of_webhook(id, token, message)
        interaction = self.tokens.get(token)
        shown = self.change(found, call)
        if interaction and found is interaction.original:
            interaction.edits += 1
        return shown

    @route("DELETE", "/webhooks/{id}/{token}/messages/{message}")
    def delete_followup(self, call, id, token, message):
        found = self.of_webhook(id, token, message)
        self.remove(found)
        interaction = self.tokens.get(token)
        if interaction:
            interaction.followups = [it for it in interaction.followups if it is not found]

    def of_webhook(self, id, token, message):
        """Each webhook, an interaction's too, reaches its own messages only."""
        if id == world.APPLICATION:
            interaction = self.by_token(id, token)
            own = [interaction.original, *interaction.followups]
        else:
            self.webhook(id, token)
            own = [it for it in self.kept.values() if it.wire.get("webhook_id") == id]
        found = next((it for it in own if it and it.wire["id"] == message), None)
        if found is None:
            raise Refusal(404, 10008, "Unknown Message")
        return found

    # ---- what the tests do and read

    def command(self, order, kind=interactions.COMMAND):
        name, options = order["name"], order.get("options") or []
        command = self.registered.get(world.GUILD, {}).get(name) or self.registered.get(None, {}).get(name)
        if not order.get("force"):
            if command is None:
                raise ValueError(f"/{name} is not registered")
            commands.check_use(command, options, partial=kind == interactions.AUTOCOMPLETE)
        data = commands.data(command or {"id": self.next_id()}, name, options, bool(command and command.get("guild_id")))
        return self.begin(order, kind, order["channel"], data)

    def autocomplete(self, order):
        return self.command(order, interactions.AUTOCOMPLETE)

    def button(self, order):
        source = self.pressed(order["message"])
        custom_id = order["custom_id"]
        component = messages.component(source.wire, custom_id)
        if not order.get("force") and (component is None or component.get("disabled")):
            raise ValueError(f"the message has no button {custom_id} that can be pressed")
        data = {"custom_id": custom_id, "component_type": (component or {}).get("type", messages.BUTTON),
                "id": (component or {}).get("id", 1)} | ({"values": order["values"]} if "values" in order else {})
        return self.begin(order, interactions.COMPONENT, source.wire["channel_id"], data, source)

    def pressed(self, message):
        """An id, or `@original of ID OF INTERACTION`."""
        asked = message.removeprefix("@original of ")
        found = self.kept.get(message) if asked == message else self.interactions[asked].target()
        if found is None:
            raise ValueError(f"no message {message}")
        return found

    def begin(self, order, kind, channel, data, source=None):
        """The same id again is the same interaction again, as Discord may send it."""
        interaction = self.interactions.get(order.get("id"))
        if interaction is None:
            self.check_channel(channel)
            id = order.get("id") or self.next_id()
            interaction = Interaction(id, kind, order["user"], channel, data, self.now(), source)
            self.interactions[id] = self.tokens[interaction.token] = interaction
        self.gateway.dispatch("INTERACTION_CREATE", interaction.payload())
        return {"id": interaction.id, "token": interaction.token}

    def message(self, order):
        message = self.said.get(order.get("id"))
        if message is None:
            self.check_channel(order["channel"])
            author = world.user(order["user"])
            body = {"content": order["content"]}
            message = self.create(order["channel"], author, body, [], id=order.get("id"))
            self.said[message.wire["id"]] = message
        self.announce("MESSAGE_CREATE", message)
        self.bell.ring()
        return {"id": message.wire["id"]}

    def interaction(self, id):
        return self.interactions[id].shown()

    def all_of(self, channel):
        self.check_channel(channel)
        return (it for it in self.kept.values() if it.wire["channel_id"] == channel and not it.ephemeral)

    def count(self, channel):
        return sum(1 for _ in self.all_of(channel))

    def messages(self, channel):
        return [it.shown() for it in self.all_of(channel)]

    def commands(self):
        return {"global": list(self.registered.get(None, {}).values()),
                "guilds": {guild: list(table.values()) for guild, table in self.registered.items() if guild}}

    def ids(self):
        return world.ids()

    def advance(self, seconds):
        self.ahead += seconds


def callback_response(interaction, message):
    about = {"id": interaction.id, "type": interaction.kind, "activity_instance_id": None,
             "response_message_id": message and message.wire["id"], "response_message_loading": interaction.loading,
             "response_message_ephemeral": interaction.ephemeral}
    resource = {"type": interaction.type} | ({"message": message.wire} if message else {})
    return {"interaction": about, "resource": resource}


def build(options, bell, url):
    fake = Fake(options, bell, url)
    return fake, fake.gateway


if __name__ == "__main__":
    run(build, __doc__)

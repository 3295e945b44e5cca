"""A Discord on loopback whose rules are simcord's: a second opinion beside fake.py, with the same guild and /_control.

    python tests/discord/face.py [--port 0] [--token TOKEN] [--voice DIR]

simcord is an in-process Discord for discord.py; this file gives it a network face. What it lacks is answered with 501
and listed in /_control/unknown. It does not know `enforce_nonce`, and lets a command be answered as a button. Nearly
all that is used here is simcord's internal API: version 3.2.1."""

import datetime
import io
import re
import sys
import time
import types

sys.dont_write_bytecode = True  # a checkout stays clean

import commands
import simcord.http.routes  # noqa: F401  registers them
import world
from gateway import Gateway
from interactions import AUTOCOMPLETE, COMMAND, COMPONENT
from messages import component
from server import Refusal, contents, run
from simcord._clock import Clock
from simcord.backend import Backend, serializers
from simcord.backend.errors import BackendError, SetupError
from simcord.backend.models import Role, User
from simcord.http.router import RouteNotImplemented, UnsupportedField, dispatch
from simcord.interactions import base_payload

GUILD, BOT = int(world.GUILD), int(world.APPLICATION)
CALLBACK = re.compile(r"^/interactions/(\d+)/[^/]+/callback$")
# simcord knows the application, and the bot as a member, by another path.
OTHERWISE = {"/applications/@me": "/oauth2/applications/@me",
             f"/guilds/{GUILD}/members/@me": f"/guilds/{GUILD}/members/{BOT}"}


class RealTime(Clock):
    """simcord's own clock stands still."""

    def now(self):
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.elapsed)


class World(Backend):
    """simcord's backend, with the ids of world.py."""

    def __init__(self):
        self.wanted = []
        super().__init__(clock=RealTime())
        del self.users[self.bot_user.id]
        self.application_id, self.bot_user = BOT, self.person(world.APPLICATION)
        self.people()
        self.places()

    def snowflake(self):
        return self.wanted.pop(0) if self.wanted else super().snowflake()

    def person(self, id):
        known = world.user(id)
        user = User(id=int(id), name=known["username"], bot=known["bot"], global_name=known["global_name"])
        self.users[user.id] = user
        return user

    def people(self):
        for id in world.USERS.values():
            self.person(id)
        self.wanted = [int(world.BOT_ROLE)]
        guild = self.create_guild("Fake Guild", id=GUILD, owner_id=int(world.USERS["owner"]))
        for name, id in world.ROLES.items():
            guild.roles[int(id)] = Role(int(id), name, world.ROLE_PERMISSIONS[id], position=int(id) - 2999)
        for id in world.USERS.values():
            self.add_member(GUILD, int(id), roles=[int(role) for role in world.MEMBER_ROLES[id]])

    def places(self):
        for name, id in world.CHANNELS.items():
            self.wanted = [int(id)]
            if name == "thread":
                self.create_thread(int(world.CHANNELS["general"]), name, int(world.USERS["owner"]), broadcast=False)
            else:
                self.create_channel(GUILD, name, type=world.channel(id)["type"])
        for name, hook in world.WEBHOOKS.items():
            self.wanted = [int(hook["id"])]
            made = self.create_webhook(int(hook["channel"]), name, int(world.USERS["owner"]))
            del self.webhook_tokens[made.token]
            made.token = hook["token"]
            self.webhook_tokens[made.token] = made.id


class Face:
    def __init__(self, options, bell, url):
        self.bell, self.url = bell, url
        self.world = World()
        self.gateway = Gateway(options.token, world.APPLICATION, lambda session: world.ready(session, url),
                               lambda: [("GUILD_CREATE", self.guild_create())], world.chunk, bell.ring,
                               options.heartbeat_ms, options.deny_intents)
        self.world.subscribers.append(lambda event, payload: self.gateway.dispatch(event, dict(payload)))
        # What simcord does not keep: the first answer's type and time, edits, mentions as they were sent.
        self.begun, self.first, self.edits, self.allowed = {}, {}, {}, {}
        self.payloads = {}

    def guild_create(self):
        payload = world.guild() | dict(serializers.guild_create_payload(self.world, self.world.get_guild(GUILD)))
        payload["voice_states"] = self.gateway.voice.present()
        return payload | {"members": [it for it in payload["members"] if it["user"]["id"] == world.APPLICATION]}

    # ---- Discord's side

    def answer(self, call):
        if call.method == "GET" and call.path in ("/gateway", "/gateway/bot"):
            limit = {"total": 1000, "remaining": 1000, "reset_after": 86_400_000, "max_concurrency": 1}
            return {"url": self.url, "shards": 1, "session_start_limit": limit}
        loading = self.loading(call)
        answer = self.dispatch(call)
        self.note(call, answer, loading)
        if call.path.endswith("/callback") and not call.flag("with_response"):
            return None
        return self.completed(call, answer)

    def dispatch(self, call):
        path = OTHERWISE.get(call.path, call.path)
        body = commands.without_nulls(call.json) if path.endswith("/commands") else call.json
        try:
            return dispatch(self.world, call.method, path, json=body, params=call.query, files=list(uploads(call)))
        except (RouteNotImplemented, UnsupportedField) as error:
            raise Refusal(501, error.code, error.message) from error
        except BackendError as error:
            said = error.to_json()
            raise Refusal(error.status, said.pop("code"), said.pop("message"), **said) from error
        except (KeyError, TypeError, ValueError, SetupError) as error:  # simcord's own checks of what it reads.
            raise Refusal(400, 50035, f"Invalid Form Body: {type(error).__name__}: {error}") from error

    def completed(self, call, answer):
        """What serenity requires and simcord leaves out."""
        if isinstance(answer, list) and call.path.endswith("/commands"):
            return [command | {"version": command["id"]} for command in answer]
        if call.method == "GET" and call.path == f"/guilds/{GUILD}":
            return world.guild() | answer
        plain = call.path.startswith("/webhooks/") and not call.path.startswith(f"/webhooks/{BOT}/")
        return None if call.method == "POST" and plain and not call.flag("wait") else answer

    def loading(self, call):
        """The interaction whose deferred answer this follow-up would complete."""
        record = self.by_token(call)
        return record if record and record.loading and call.method == "POST" else None

    def by_token(self, call):
        steps = call.path.strip("/").split("/")
        if steps[0] != "webhooks" or len(steps) < 3:
            return None
        return self.world.interactions.get(self.world.interaction_tokens.get(steps[2]))

    def note(self, call, answer, loading):
        body = call.json if isinstance(call.json, dict) else {}
        if found := CALLBACK.match(call.path):
            id = int(found[1])
            self.first[id] = body["type"], round((time.monotonic() - self.begun[id]) * 1000)
            self.allowed[str(self.world.interactions[id].message_id)] = (body.get("data") or {}).get("allowed_mentions")
        elif isinstance(answer, dict) and "channel_id" in answer and call.method in ("POST", "PATCH"):
            self.allowed[answer["id"]] = body.get("allowed_mentions")
        record = loading or (self.by_token(call) if call.method == "PATCH" and call.path.endswith("@original") else None)
        if record:
            self.edits[record.id] = self.edits.get(record.id, 0) + 1

    # ---- what the tests do and read

    def command(self, order, kind=COMMAND):
        name, options = order["name"], order.get("options") or []
        command = self.world.find_command(name, GUILD)
        if not order.get("force"):
            if command is None:
                raise ValueError(f"/{name} is not registered")
            commands.check_use(command, options, partial=kind == AUTOCOMPLETE)
        known = command or {"id": str(self.world.snowflake())}
        return self.begin(order, kind, int(order["channel"]), commands.data(known, name, options, "guild_id" in known))

    def autocomplete(self, order):
        return self.command(order, AUTOCOMPLETE)

    def button(self, order):
        source = self.pressed(order["message"])
        shown = dict(serializers.message_payload(self.world, source))
        found = component(shown, order["custom_id"])
        if not order.get("force") and (found is None or found.get("disabled")):
            raise ValueError(f"the message has no button {order['custom_id']} that can be pressed")
        data = {"custom_id": order["custom_id"], "component_type": (found or {}).get("type", 2)}
        data |= {"values": order["values"]} if "values" in order else {}
        return self.begin(order, COMPONENT, source.channel_id, data, source, shown)

    def pressed(self, message):
        asked = message.removeprefix("@original of ")
        wanted = int(message) if asked == message else self.world.interactions[int(asked)].message_id
        for messages in self.world.messages.values():
            if wanted in messages:
                return messages[wanted]
        raise ValueError(f"no message {message}")

    def begin(self, order, kind, channel, data, source=None, shown=None):
        """The same id again is the same interaction again."""
        payload = self.payloads.get(order.get("id"))
        if payload is None:
            self.wish(order)
            record, payload = base_payload(self.world, type=kind, channel_id=channel, guild_id=GUILD,
                                           user_id=int(order["user"]), data=data)
            record.source_message_id = source and source.id
            payload |= {"message": shown} if shown else {}
            self.payloads[payload["id"]] = payload
            self.begun[record.id] = time.monotonic()
        self.world.emit("INTERACTION_CREATE", payload)
        return {"id": payload["id"], "token": payload["token"]}

    def wish(self, order):
        if "id" in order:
            self.world.wanted = [self.world.reserve_id(int(order["id"]))]

    def message(self, order):
        channel, id = int(order["channel"]), order.get("id")
        if id and int(id) in self.world.messages[channel]:
            self.world.announce_message_create(self.world.messages[channel][int(id)])
        else:
            self.wish(order)
            id = str(self.world.create_message(channel, int(order["user"]), order["content"]).id)
        self.bell.ring()
        return {"id": id}

    def interaction(self, id):
        record = self.world.interactions[int(id)]
        type, after = self.first.get(record.id, (None, None))
        messages = self.world.messages[record.channel_id]
        original = messages.get(record.message_id)
        return {"id": id, "kind": record.type, "type": type, "acknowledged_after_ms": after, "ephemeral": record.ephemeral,
                "original": original and self.shown(original), "choices": record.autocomplete_choices,
                "followups": [self.shown(messages[it]) for it in record.followup_ids if it in messages],
                "modal": record.modal, "edits": self.edits.get(record.id, 0),
                "deleted": record.message_id is not None and original is None}

    def count(self, channel):
        return sum(not it.is_ephemeral for it in self.world.messages[int(channel)].values())

    def messages(self, channel):
        return [self.shown(it) for it in self.world.messages[int(channel)].values() if not it.is_ephemeral]

    def shown(self, message):
        wire = dict(serializers.message_payload(self.world, message))
        pings = [f"<@&{id}>" for id in message.ping_role_ids] + [f"<@{id}>" for id in message.ping_user_ids]
        pings += ["@everyone"] if message.mention_everyone else []
        files = [{key: it[key] for key in ("filename", "content_type")} | contents(self.world.cdn.get(it["url"]))
                 for it in wire["attachments"]]
        return wire | {"files": files, "allowed_mentions": self.allowed.get(wire["id"]), "pings": sorted(pings)}

    def commands(self):
        tables = {scope: list(table.values()) for scope, table in self.world.commands.items()}
        return {"global": tables.pop(None, []), "guilds": {str(guild): table for guild, table in tables.items()}}

    def ids(self):
        return world.ids()

    def advance(self, seconds):
        self.world.advance_clock(seconds)


def uploads(call):
    """Files as simcord takes them. What is said of them stands in `attachments`, by their place."""
    described = {str(it.get("id")): it for it in (call.json or {}).get("attachments") or []} if call.files else {}
    for place, file in enumerate(call.files):
        about = described.get(str(place), {})
        yield types.SimpleNamespace(fp=io.BytesIO(file.data), filename=file.name, description=about.get("description"))


def build(options, bell, url):
    face = Face(options, bell, url)
    return face, face.gateway


if __name__ == "__main__":
    run(build, __doc__)

"""Messages: what Discord accepts of one, and the full object that it makes of it."""

import copy
import mimetypes
import re

import world
from server import Refusal, check_count, check_length, contents, invalid

CONTENT, EMBEDS, EMBED_TEXT, ROWS, BUTTONS, FILES, FILE_BYTES, CUSTOM_ID = 2000, 10, 6000, 5, 5, 10, 10 << 20, 100
NONCE = 25
SUPPRESS_EMBEDS, EPHEMERAL, LOADING, SILENT, COMPONENTS_V2 = 1 << 2, 1 << 6, 1 << 7, 1 << 12, 1 << 15
SETTABLE = SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2
DEFAULT, REPLY, CHAT_INPUT_COMMAND = 0, 19, 20
ROW, BUTTON = 1, 2
TEXTS = {"title": 256, "description": 4096}
FIELD = {"name": 256, "value": 1024}


def check(body, files):
    """Everything but emptiness: an edit may leave out what a message has already."""
    if body.get("content") is not None:
        check_length("content", body["content"], 0, CONTENT)
    check_embeds(body.get("embeds") or [])
    check_components(body.get("components") or [], body.get("flags") or 0)
    if (body.get("flags") or 0) & COMPONENTS_V2 and (body.get("content") or body.get("embeds")):
        raise invalid("content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                      "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2")
    check_count("attachments", files, FILES)
    if any(len(file.data) > FILE_BYTES for file in files):
        raise Refusal(413, 40005, "Request entity too large")
    check_mentions(body.get("allowed_mentions") or {})


def check_embeds(embeds):
    check_count("embeds", embeds, EMBEDS)
    total = 0
    for nth, embed in enumerate(embeds):
        total += check_texts(f"embeds.{nth}", embed, TEXTS)
        total += check_texts(f"embeds.{nth}.footer", embed.get("footer") or {}, {"text": 2048})
        total += check_texts(f"embeds.{nth}.author", embed.get("author") or {}, {"name": 256})
        fields = embed.get("fields") or []
        check_count(f"embeds.{nth}.fields", fields, 25)
        for place, field in enumerate(fields):
            for name in FIELD:
                check_length(f"embeds.{nth}.fields.{place}.{name}", field.get(name), 1, FIELD[name])
            total += check_texts(f"embeds.{nth}.fields.{place}", field, FIELD)
    if total > EMBED_TEXT:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBED_TEXT}")


def check_texts(path, holder, limits):
    """How long the texts are together."""
    for name, most in limits.items():
        if holder.get(name) is not None:
            check_length(f"{path}.{name}", holder[name], 0, most)
    return sum(len(holder.get(name) or "") for name in limits)


def check_components(components, flags):
    check_count("components", components, 40 if flags & COMPONENTS_V2 else ROWS)
    seen = set()
    for path, component in walk("components", components):
        if component.get("type") == ROW:
            check_count(f"{path}.components", component.get("components"), BUTTONS)
        if "custom_id" in component:
            check_length(f"{path}.custom_id", component["custom_id"], 1, CUSTOM_ID)
            if component["custom_id"] in seen:
                raise invalid(f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED",
                              "Component custom id cannot be duplicated")
            seen.add(component["custom_id"])
        if component.get("label"):
            check_length(f"{path}.label", component["label"], 1, 80)


def walk(path, components):
    for nth, component in enumerate(components or []):
        yield f"{path}.{nth}", component
        yield from walk(f"{path}.{nth}.components", component.get("components"))


def component(message, custom_id):
    return next((it for _, it in walk("", message["components"]) if it.get("custom_id") == custom_id), None)


def check_mentions(allowed):
    for kind in ("users", "roles"):
        check_count(f"allowed_mentions.{kind}", allowed.get(kind) or [], 100)
        if kind in (allowed.get("parse") or []) and allowed.get(kind):
            raise invalid("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                          f"parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.")


def check_nonce(nonce):
    if len(str(nonce)) > NONCE:
        raise invalid("nonce", "NONCE_TYPE_TOO_LONG", f"Must be {NONCE} or fewer in length.")


def pings(content, allowed):
    """Who is notified. Without `allowed_mentions` everyone whom the content names."""
    parse = ["everyone", "users", "roles"] if allowed is None else allowed.get("parse") or []
    named = re.findall(r"@everyone|@here|<@!?\d+>|<@&\d+>", content)

    def notified(mention):
        kind = "everyone" if not mention.startswith("<") else "roles" if "&" in mention else "users"
        return kind in parse or bool(allowed) and mention.strip("<@!&>") in map(str, allowed.get(kind) or [])
    return sorted(set(filter(notified, named)))


class Message:
    """One message as its channel keeps it: the object on the wire, the bytes of its files, what was said of mentions."""

    def __init__(self, id, channel, author, body, files, next_id, **more):
        text = body.get("content") or ""
        self.files = {}
        self.allowed_mentions = body.get("allowed_mentions")
        self.wire = {"id": id, "type": DEFAULT, "channel_id": channel, "author": author, "content": text,
                     "timestamp": world.timestamp(), "edited_timestamp": None, "tts": body.get("tts", False),
                     "mention_everyone": False, "mentions": [], "mention_roles": [], "mention_channels": [],
                     "attachments": [], "embeds": shown_embeds(body), "pinned": False, "reactions": [],
                     "components": numbered(body), "flags": (body.get("flags") or 0) & SETTABLE} | more
        self.attach(body, files, next_id)
        self.mention()
        if self.empty():
            raise Refusal(400, 50006, "Cannot send an empty message")

    def empty(self):
        said = any(self.wire[part] for part in ("content", "embeds", "attachments", "components"))
        return not said and not self.wire["flags"] & LOADING

    def attach(self, body, files, next_id):
        """`attachments` says which stay, by id, and describes the new ones, by their place among the files."""
        described = {str(it["id"]): it for it in body.get("attachments") or []}
        if body.get("attachments") is not None:
            self.wire["attachments"] = [it for it in self.wire["attachments"] if it["id"] in described]
        for place, file in enumerate(files):
            about = described.get(file.field.removeprefix("files[").rstrip("]"), described.get(str(place), {}))
            self.add(next_id(), file, about)

    def add(self, id, file, about):
        url = f"https://cdn.fake.invalid/attachments/{self.wire['channel_id']}/{id}/{file.name}"
        self.files[id] = file.data
        self.wire["attachments"].append({
            "id": id, "filename": about.get("filename") or file.name, "size": len(file.data), "url": url, "proxy_url": url,
            "content_type": mimetypes.guess_type(file.name)[0] or file.type, "flags": 0} | (
                {"description": about["description"]} if about.get("description") else {}))

    def mention(self):
        content = self.wire["content"]
        users = [id for id in re.findall(r"<@!?(\d+)>", content) if id in world.MEMBER_ROLES]
        self.wire["mentions"] = [world.user(id) for id in dict.fromkeys(users)]
        self.wire["mention_roles"] = [id for id in re.findall(r"<@&(\d+)>", content) if id in world.ROLE_PERMISSIONS]
        self.wire["mention_everyone"] = any(not it.startswith("<") for it in self.pings())

    def pings(self):
        return pings(self.wire["content"], self.allowed_mentions)

    def edit(self, body, files, next_id):
        """All or nothing: what is refused changes nothing."""
        before, kept = dict(self.wire), dict(self.files)
        self.wire["attachments"] = list(self.wire["attachments"])
        if "content" in body:
            self.wire["content"] = body["content"] or ""
        if "embeds" in body:
            self.wire["embeds"] = shown_embeds(body)
        if "components" in body:
            self.wire["components"] = numbered(body)
        if body.get("flags") is not None:
            self.wire["flags"] = self.wire["flags"] & ~SETTABLE | body["flags"] & SETTABLE
        if "allowed_mentions" in body:
            self.allowed_mentions = body["allowed_mentions"]
        self.wire["flags"] &= ~LOADING
        self.attach(body, files, next_id)
        self.mention()
        if self.empty():
            self.wire, self.files = before, kept
            raise Refusal(400, 50006, "Cannot send an empty message")
        self.wire["edited_timestamp"] = world.timestamp()

    @property
    def ephemeral(self):
        return bool(self.wire["flags"] & EPHEMERAL)

    def shown(self):
        """For the tests: with the files, and with who was pinged."""
        files = [{"filename": it["filename"], "content_type": it["content_type"]} | contents(self.files[it["id"]])
                 for it in self.wire["attachments"]]
        return self.wire | {"files": files, "allowed_mentions": self.allowed_mentions, "pings": self.pings()}


def shown_embeds(body):
    return [{"type": "rich"} | embed for embed in body.get("embeds") or []]


def numbered(body):
    """Discord numbers components that came without an id."""
    components = copy.deepcopy(body.get("components") or [])
    for nth, (_, component) in enumerate(walk("", components), 1):
        component.setdefault("id", nth)
    return components

"""One interaction and what the bot did about it: the deadlines and the order of answers that Discord keeps."""

import dataclasses
import secrets

import messages
import world
from server import Refusal, check_count, check_length, invalid

COMMAND, COMPONENT, AUTOCOMPLETE = 2, 3, 4
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
ANSWERS = {COMMAND: (MESSAGE, DEFERRED, MODAL), COMPONENT: (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL),
           AUTOCOMPLETE: (CHOICES,)}
FIRST_ANSWER_SECONDS, TOKEN_SECONDS = 3.0, 15 * 60.0
ATTACHMENT_LIMIT = 10 << 20


@dataclasses.dataclass
class Interaction:
    id: str
    kind: int
    user: str
    channel: str
    data: dict
    began: float
    source: messages.Message | None = None
    token: str = dataclasses.field(default_factory=lambda: secrets.token_urlsafe(48))
    type: int | None = None
    acknowledged_after_ms: int | None = None
    ephemeral: bool = False
    original: messages.Message | None = None
    followups: list = dataclasses.field(default_factory=list)
    choices: list | None = None
    modal: dict | None = None
    edits: int = 0
    deleted: bool = False

    def payload(self):
        member = world.member(self.user) | {"permissions": str(world.permissions(self.user))}
        guild = {"id": world.GUILD, "locale": "en-US", "features": []}
        whole = {"id": self.id, "application_id": world.APPLICATION, "type": self.kind, "data": self.data, "version": 1,
                 "token": self.token, "guild": guild, "guild_id": world.GUILD, "channel_id": self.channel, "context": 0,
                 "channel": world.channel(self.channel) | {"permissions": member["permissions"]}, "member": member,
                 "app_permissions": str(world.permissions(world.APPLICATION)), "locale": "en-US", "guild_locale": "en-US",
                 "entitlements": [], "entitlement_sku_ids": [], "authorizing_integration_owners": {"0": world.GUILD},
                 "attachment_size_limit": ATTACHMENT_LIMIT}
        return whole | ({"message": self.source.wire} if self.source else {})

    def metadata(self):
        """What a message says of the interaction that it answers."""
        about = {"id": self.id, "type": self.kind, "user": world.user(self.user),
                 "authorizing_integration_owners": {"0": world.GUILD}}
        if self.kind == COMPONENT:
            return {"interaction_metadata": about | {"interacted_message_id": self.source.wire["id"]}}
        legacy = {"id": self.id, "type": self.kind, "name": self.data["name"], "user": world.user(self.user)}
        return {"type": messages.CHAT_INPUT_COMMAND, "interaction": legacy,
                "interaction_metadata": about | {"name": self.data["name"], "command_type": 1}}

    # ---- Discord's rules

    def acknowledge(self, type, now):
        """Before anything else is done about a first answer."""
        if self.type is not None:
            raise Refusal(400, 40060, "Interaction has already been acknowledged.")
        if now - self.began > FIRST_ANSWER_SECONDS:
            raise Refusal(404, 10062, "Unknown interaction")
        if type not in ANSWERS[self.kind]:
            raise invalid("type", "INTERACTION_APPLICATION_COMMAND_INVALID_CALLBACK_TYPE",
                          f"Value must be one of {ANSWERS[self.kind]}.")

    def acknowledged(self, type, now):
        """After it was accepted: a refused answer may be given again."""
        self.type = type
        self.acknowledged_after_ms = round((now - self.began) * 1000)

    def check_token(self, now):
        if now - self.began > TOKEN_SECONDS:
            raise Refusal(401, 50027, "Invalid Webhook Token")
        if self.type is None:
            raise Refusal(404, 10015, "Unknown Webhook")

    def target(self):
        """The message that `@original` means."""
        message = self.source if self.type in (DEFERRED_UPDATE, UPDATE) else self.original
        if message is None or self.deleted:
            raise Refusal(404, 10008, "Unknown Message")
        return message

    @property
    def loading(self):
        return self.original is not None and bool(self.original.wire["flags"] & messages.LOADING)

    def suggest(self, choices):
        check_count("data.choices", choices, 25)
        for nth, choice in enumerate(choices):
            check_length(f"data.choices.{nth}.name", choice.get("name"), 1, 100)
        self.choices = choices

    def ask(self, modal):
        check_length("data.custom_id", modal.get("custom_id"), 1, messages.CUSTOM_ID)
        check_length("data.title", modal.get("title"), 1, 45)
        check_count("data.components", modal.get("components"), 5)
        self.modal = modal

    # ---- for the tests

    def shown(self):
        original = self.original if self.type not in (DEFERRED_UPDATE, UPDATE) else self.source
        return {"id": self.id, "kind": self.kind, "type": self.type, "acknowledged_after_ms": self.acknowledged_after_ms,
                "ephemeral": self.ephemeral, "original": original.shown() if original and not self.deleted else None,
                "followups": [it.shown() for it in self.followups], "choices": self.choices, "modal": self.modal,
                "edits": self.edits, "deleted": self.deleted}

"""The one guild of the tests, and Discord's full objects of it: typed clients refuse an object that lacks a field.

Nothing here changes while a test runs. Ids are strings and permissions are decimal strings, as on the wire."""

import datetime
import time

GUILD = "1000"
APPLICATION = "5000"
CHANNELS = {"general": "2001", "agents": "2002", "alerts": "2003", "thread": "2004", "voice": "2010"}
ROLES = {"viewers": "3001", "operators": "3002", "admins": "3003"}
USERS = {"owner": "4001", "operator": "4002", "stranger": "4003", "viewer": "4004"}
MEMBER_ROLES = {"4001": ["3003"], "4002": ["3002"], "4003": [], "4004": ["3001"], APPLICATION: ["3000"]}
WEBHOOKS = {"alerts": {"id": "6001", "token": "webhook-of-the-alerts", "channel": "2003"}}

BOT_ROLE = "3000"

ADMINISTRATOR = 1 << 3
MANAGE_MESSAGES = 1 << 13
ALL = (1 << 50) - 1
# React, see, write, embed, attach, read back, foreign emoji, connect, speak, use commands, start threads and write in them.
EVERYONE = sum(1 << bit for bit in (6, 10, 11, 14, 15, 16, 18, 20, 21, 31, 35, 38))
# A bot is invited with all but administrator.
ROLE_PERMISSIONS = {GUILD: EVERYONE, BOT_ROLE: ALL & ~ADMINISTRATOR, "3001": 0, "3002": MANAGE_MESSAGES,
                    "3003": ADMINISTRATOR}

TEXT, VOICE, PUBLIC_THREAD = 0, 2, 11
EPOCH_MS = 1_420_070_400_000
SINCE = "2026-01-01T00:00:00.000000+00:00"


def ids():
    """The names that tests use, for a backend that chose these ids or others."""
    return {"guild": GUILD, "application": APPLICATION, "channels": CHANNELS, "roles": ROLES, "users": USERS,
            "webhooks": WEBHOOKS}


def snowflakes():
    """Ids that hold the time they were made at, each greater than the one before."""
    last = 0
    while True:
        last = max(last + 1, (int(time.time() * 1000) - EPOCH_MS) << 22)
        yield str(last)


def timestamp(seconds=None):
    moment = datetime.datetime.fromtimestamp(time.time() if seconds is None else seconds, datetime.UTC)
    return moment.isoformat(timespec="microseconds")


def named(table, wanted):
    return next(name for name, id in table.items() if id == wanted)


def user(id):
    bot = id == APPLICATION
    name = "fake-bot" if bot else named(USERS, id)
    return {"id": id, "username": name, "discriminator": "0", "global_name": None if bot else name.title(), "avatar": None,
            "bot": bot, "system": False, "public_flags": 0, "banner": None, "accent_color": None,
            "avatar_decoration_data": None, "collectibles": None, "primary_guild": None}


def me():
    return user(APPLICATION) | {"verified": True, "mfa_enabled": False, "locale": "en-US", "flags": 0, "email": None}


def member(id):
    return {"user": user(id), "nick": None, "avatar": None, "banner": None, "roles": MEMBER_ROLES[id], "joined_at": SINCE,
            "premium_since": None, "deaf": False, "mute": False, "flags": 0, "pending": False,
            "communication_disabled_until": None, "avatar_decoration_data": None}


def permissions(id):
    granted = EVERYONE
    for role in MEMBER_ROLES[id]:
        granted |= ROLE_PERMISSIONS[role]
    return ALL if granted & ADMINISTRATOR else granted


def role(id):
    name = {GUILD: "@everyone", BOT_ROLE: "fake-bot"}.get(id) or named(ROLES, id)
    colors = {"primary_color": 0, "secondary_color": None, "tertiary_color": None}
    whole = {"id": id, "name": name, "description": None, "color": 0, "colors": colors, "hoist": False, "icon": None,
             "unicode_emoji": None, "position": list(ROLE_PERMISSIONS).index(id), "managed": id == BOT_ROLE,
             "permissions": str(ROLE_PERMISSIONS[id]), "mentionable": False, "flags": 0}
    return whole | {"tags": {"bot_id": APPLICATION}} if id == BOT_ROLE else whole


def roles():
    return [role(id) for id in ROLE_PERMISSIONS]


def channel(id):
    common = {"id": id, "guild_id": GUILD, "name": named(CHANNELS, id), "last_message_id": None, "rate_limit_per_user": 0,
              "flags": 0, "parent_id": None}
    if id == CHANNELS["thread"]:
        return common | thread()
    common |= {"position": int(id) - 2001, "permission_overwrites": [], "nsfw": False}
    if id == CHANNELS["voice"]:
        return common | {"type": VOICE, "bitrate": 64000, "user_limit": 0, "rtc_region": None}
    return common | {"type": TEXT, "topic": None, "last_pin_timestamp": None}


def thread():
    metadata = {"archived": False, "auto_archive_duration": 1440, "archive_timestamp": SINCE, "locked": False,
                "create_timestamp": SINCE}
    return {"type": PUBLIC_THREAD, "parent_id": CHANNELS["general"], "owner_id": USERS["owner"], "message_count": 0,
            "member_count": 1, "total_message_sent": 0, "thread_metadata": metadata}


def guild():
    return {"id": GUILD, "name": "Fake Guild", "icon": None, "icon_hash": None, "splash": None, "discovery_splash": None,
            "banner": None, "description": None, "owner_id": USERS["owner"], "region": "deprecated", "features": [],
            "afk_channel_id": None, "afk_timeout": 300, "widget_enabled": False, "widget_channel_id": None,
            "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0,
            "nsfw_level": 0, "nsfw": False, "application_id": None, "system_channel_id": None, "system_channel_flags": 0,
            "rules_channel_id": None, "public_updates_channel_id": None, "safety_alerts_channel_id": None,
            "vanity_url_code": None, "premium_tier": 0, "premium_subscription_count": 0, "preferred_locale": "en-US",
            "premium_progress_bar_enabled": False, "max_members": 500000, "max_presences": None,
            "max_video_channel_users": 25, "max_stage_video_channel_users": 50, "roles": roles(), "emojis": [],
            "stickers": [], "incidents_data": None}


def guild_create():
    """Of the members only the bot: Discord sends the others to nobody who lacks the presences intent."""
    channels = [channel(id) for name, id in CHANNELS.items() if name != "thread"]
    return guild() | {"joined_at": SINCE, "large": False, "unavailable": False, "member_count": len(MEMBER_ROLES),
                      "members": [member(APPLICATION)], "channels": channels, "threads": [channel(CHANNELS["thread"])],
                      "presences": [], "voice_states": [], "stage_instances": [], "guild_scheduled_events": [],
                      "soundboard_sounds": []}


def voice_state(user, channel, session):
    return {"guild_id": GUILD, "channel_id": channel, "user_id": user, "member": member(user), "session_id": session,
            "deaf": False, "mute": False, "self_deaf": False, "self_mute": False, "self_video": False, "suppress": False,
            "request_to_speak_timestamp": None}


def application():
    owner = user(USERS["owner"])
    return {"id": APPLICATION, "name": "fake-bot", "icon": None, "description": "", "summary": "", "type": None,
            "bot": user(APPLICATION), "bot_public": False, "bot_require_code_grant": False, "owner": owner, "team": None,
            "verify_key": "0" * 64, "flags": 1 << 19, "hook": True, "redirect_uris": [], "rpc_origins": [],
            "interactions_endpoint_url": None, "role_connections_verification_url": None, "tags": [],
            "integration_types_config": {"0": {}}, "approximate_guild_count": 1, "approximate_user_install_count": 0,
            "install_params": None}


def ready(session, url):
    guilds = [{"id": GUILD, "unavailable": True}]
    return {"v": 10, "user_settings": {}, "user": me(), "session_type": "normal", "session_id": session,
            "resume_gateway_url": url, "relationships": [], "private_channels": [], "presences": [], "guilds": guilds,
            "guild_join_requests": [], "geo_ordered_rtc_regions": [], "auth": {},
            "application": {"id": APPLICATION, "flags": 1 << 19}, "_trace": ["fake"]}


def chunk(asked):
    """GUILD_MEMBERS_CHUNK: members by id or by the beginning of their names, in one piece."""
    wanted = asked.get("user_ids") or []
    wanted = [wanted] if isinstance(wanted, str) else wanted
    found = [id for id in MEMBER_ROLES
             if (id in wanted if wanted else user(id)["username"].startswith(asked.get("query", "")))]
    found = found[:asked.get("limit") or None]
    return {"guild_id": GUILD, "members": [member(id) for id in found], "chunk_index": 0, "chunk_count": 1,
            "not_found": [id for id in wanted if id not in found]} | (
                {"nonce": asked["nonce"]} if "nonce" in asked else {})

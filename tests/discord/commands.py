"""Slash commands: what Discord accepts at registration, and what it sends when a person uses one.

A test that uses a command as no person could (an option that is not registered, a missing one) is refused, unless it says
`force`."""

import re

import world
from server import check_count, check_length, invalid

NAME = re.compile(r"^[-_'\w]{1,32}$")
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
CHAT_INPUT = 1
COMMANDS = 100


def register(body, known, next_id, guild=None):
    """The whole list of one scope, by name; a command that was known keeps its id."""
    check_count("", body, COMMANDS)
    commands = {}
    for nth, command in enumerate(body):
        check(f"{nth}", command)
        if command["name"] in commands:
            raise invalid(f"{nth}.name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
        id = known.get(command["name"], {}).get("id") or next_id()
        commands[command["name"]] = full(command, guild) | {"id": id, "version": next_id()}
    return commands


def full(command, guild):
    """The vendor's object. What the client left out or sent as null is left out, where Discord does so."""
    whole = {"application_id": world.APPLICATION, "type": CHAT_INPUT, "description": "", "nsfw": False,
             "default_member_permissions": None, "name_localizations": None, "description_localizations": None,
             "contexts": None, "integration_types": [0]} | without_nulls(command)
    return whole | ({"guild_id": guild} if guild else {"dm_permission": command.get("dm_permission", True)})


def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def check(path, command):
    kind = command.get("type", CHAT_INPUT)
    check_length(f"{path}.name", command.get("name"), 1, 32)
    if kind == CHAT_INPUT:
        check_name(path, command["name"])
        check_length(f"{path}.description", command.get("description"), 1, 100)
        check_options(f"{path}.options", command.get("options") or [])
    elif command.get("description"):
        raise invalid(f"{path}.description", "APPLICATION_COMMAND_INVALID_DESCRIPTION", "Context menu commands have none")


def check_name(path, name):
    if not NAME.match(name) or name != name.lower():
        raise invalid(f"{path}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def check_options(path, options):
    check_count(path, options, 25)
    optional = False
    for nth, option in enumerate(options):
        here = f"{path}.{nth}"
        check_length(f"{here}.name", option.get("name"), 1, 32)
        check_name(here, option["name"])
        check_length(f"{here}.description", option.get("description"), 1, 100)
        check_option(here, option)
        if option.get("required") and optional:
            raise invalid(here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                          "Required options must be placed before non-required options")
        optional = optional or not option.get("required")
    if len({option["name"] for option in options}) < len(options):
        raise invalid(path, "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name already exists")


def check_option(path, option):
    if option.get("type") not in range(SUBCOMMAND, ATTACHMENT + 1):
        raise invalid(f"{path}.type", "BASE_TYPE_CHOICES", "Value must be one of 1 to 11.")
    if option["type"] in (SUBCOMMAND, GROUP):
        return check_options(f"{path}.options", option.get("options") or [])
    choices = option.get("choices") or []
    check_count(f"{path}.choices", choices, 25)
    for nth, choice in enumerate(choices):
        check_length(f"{path}.choices.{nth}.name", choice.get("name"), 1, 100)
    if choices and option.get("autocomplete"):
        raise invalid(path, "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_CHOICES", "Choices exclude autocomplete")


def data(command, name, options, guild_scoped):
    """`data` of the interaction; the command may be one that this backend never saw registered."""
    said = {"id": command["id"], "name": name, "type": CHAT_INPUT} | ({"guild_id": world.GUILD} if guild_scoped else {})
    found = resolved(options)
    return said | ({"options": options} if options else {}) | ({"resolved": found} if found else {})


def check_use(command, options, partial=False):
    """`partial`: an autocomplete, sent while the person still types."""
    known = {option["name"]: option for option in command.get("options") or []}
    for option in options:
        registered = known.get(option["name"])
        if registered is None or registered["type"] != option["type"]:
            raise ValueError(f"/{command['name']} has no option {option['name']} of type {option['type']}")
        if option["type"] in (SUBCOMMAND, GROUP):
            check_use(registered, option.get("options") or [], partial)
        elif not partial:
            check_value(registered, option["value"])
    given = {option["name"] for option in options}
    needs_one = any(option["type"] in (SUBCOMMAND, GROUP) for option in known.values())
    missing = [name for name, option in known.items() if option.get("required") and name not in given]
    if (missing or needs_one and not given) and not partial:
        raise ValueError(f"/{command['name']} needs {', '.join(missing) or 'a subcommand'}")


def check_value(option, value):
    kinds = {INTEGER: int, BOOLEAN: bool, NUMBER: int | float}
    if not isinstance(value, kinds.get(option["type"], str)):
        raise ValueError(f"{option['name']} takes no {value!r}")
    measured = len(value) if option["type"] == STRING else value if option["type"] in (INTEGER, NUMBER) else None
    least, most = (option.get("min_length"), option.get("max_length")) if option["type"] == STRING else (
        option.get("min_value"), option.get("max_value"))
    if measured is not None and (least is not None and measured < least or most is not None and measured > most):
        raise ValueError(f"{option['name']} takes {least} to {most}, not {value!r}")
    choices = [choice["value"] for choice in option.get("choices") or []]
    if choices and value not in choices:
        raise ValueError(f"{option['name']} takes one of {choices}, not {value!r}")


def resolved(options):
    """The objects that options name by id, at any depth."""
    found = {}
    for option in options:
        for kind, objects in (resolved(option["options"]) if option.get("options") else entity(option)).items():
            found.setdefault(kind, {}).update(objects)
    return found


def entity(option):
    id = option.get("value")
    if option["type"] == CHANNEL:
        return {"channels": {id: world.channel(id) | {"permissions": str(world.ALL)}}}
    if option["type"] == ROLE or option["type"] == MENTIONABLE and id in world.ROLE_PERMISSIONS:
        return {"roles": {id: world.role(id)}}
    if option["type"] in (USER, MENTIONABLE):
        partial = {key: value for key, value in world.member(id).items() if key not in ("user", "deaf", "mute")}
        return {"users": {id: world.user(id)}, "members": {id: partial | {"permissions": str(world.permissions(id))}}}
    return {}

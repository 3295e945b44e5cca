//! What nobody here wrote: a bot of discord.py at our fake, and our bot at simcord.

use std::process::Command;

use serde_json::json;

use super::{AGENTS, Guild, OPERATOR, OWNER, STRANGER, VIEWER, python};
use crate::home::{Home, checkout};

#[test]
fn a_bot_of_discord_py_finds_in_both_what_it_expects_of_discord() {
    let Some(python) = python() else { return };
    for backend in ["fake.py", "face.py"] {
        let mut foreign = Command::new(&python);
        foreign.arg(checkout().join("tests/discord/foreign.py"));
        let ran = foreign.arg(backend).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{backend}: {said}");
    }
}

#[test]
fn at_simcord_the_bot_does_the_same() {
    let Some(guild) = Guild::of("face.py", &[], Home::new()) else {
        return;
    };
    let _bot = guild.bot();
    assert!(
        guild
            .says(STRANGER, "agents", &[])
            .contains("may not use the bot")
    );
    assert!(
        guild
            .says(VIEWER, "agents", &[])
            .contains("Available Agents")
    );
    let text = [("agent", json!("agent-1")), ("text", json!("resume"))];
    let id = guild.command_of(OPERATOR, "send", &text);
    guild.answer(&id, "queued agent-1/1, not read");
    guild.home.ok(&["ack", "agent-1/1", "--as", "agent-1"]);
    guild.answer(&id, "acknowledged agent-1/1");
    let body = json!({
        "user": OWNER, "channel": AGENTS, "name": "channels",
        "options": [{"name": "assign", "type": 1, "options": [{"name": "agent", "type": 3, "value": "agent-1"}]}],
    });
    let made = guild.tell("command", &body);
    guild.answer(made["id"].as_str().unwrap(), "belongs to agent-1");
    guild.say(OPERATOR, AGENTS, "please look");
    guild
        .home
        .ok(&["next", "--wait", "--timeout", "20s", "--as", "agent-1"]);
    guild
        .home
        .ok(&["reply", "agent-1/2", "I looked", "--as", "agent-1"]);
    guild.ask(&format!("messages/{AGENTS}?contains=I%20looked&timeout=20"));
}

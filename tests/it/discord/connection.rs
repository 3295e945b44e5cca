//! The gateway: resumed where it was lost, asked anew where it must be, and left alone where that is no use.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::json;

use super::{Guild, VIEWER};
use crate::home::run;

#[test]
fn a_lost_connection_is_taken_up_again_and_nothing_that_came_meanwhile_is_lost() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    for (nth, order) in [
        json!({"do": "drop"}),
        json!({"do": "reconnect"}),
        json!({"do": "close", "code": 4000}),
    ]
    .iter()
    .enumerate()
    {
        guild.tell("gateway", order);
        let id = guild.command_of(VIEWER, "agents", &[]);
        guild.ask(&format!("gateway?wait_resumes={}&timeout=20", nth + 1));
        // Its three seconds may be over by then; the next is answered in any case.
        drop(id);
        assert!(
            guild
                .says(VIEWER, "agents", &[])
                .contains("Available Agents"),
            "{order}"
        );
    }
    assert_eq!(guild.ask("gateway")["identifies"], 1);
}

#[test]
fn a_session_that_is_over_is_begun_anew_and_counted() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    guild.tell("gateway", &json!({"do": "close", "code": 4009}));
    guild.ask("gateway?wait_ready=2&timeout=20");
    assert!(
        guild
            .says(VIEWER, "agents", &[])
            .contains("Available Agents")
    );
    let counted =
        std::fs::read_to_string(guild.home.dir.join("runtime/discord/identify.json")).unwrap();
    let counted: serde_json::Value = serde_json::from_str(&counted).unwrap();
    assert_eq!(counted["at"].as_array().unwrap().len(), 2, "{counted}");
}

#[test]
fn a_connection_whose_heartbeats_are_not_answered_is_given_up() {
    let Some(guild) = Guild::with(&["--heartbeat-ms", "1000"]) else {
        return;
    };
    let _bot = guild.bot();
    guild.tell("gateway", &json!({"do": "withhold_acks", "on": true}));
    guild.ask("gateway?wait_connections=2&timeout=20");
    guild.tell("gateway", &json!({"do": "withhold_acks", "on": false}));
    assert!(
        guild
            .says(VIEWER, "agents", &[])
            .contains("Available Agents")
    );
}

#[test]
fn a_token_that_is_not_taken_is_one_clear_error() {
    let Some(guild) = Guild::new() else { return };
    let mut command = guild.command(&["run"]);
    let ran = run(command.env("DISCORD_TOKEN", "wrong"), b"");
    assert_eq!(ran.code, 77, "{ran:?}");
    assert_eq!(ran.err.lines().count(), 2, "{ran:?}");
    assert!(
        ran.err
            .starts_with("error: Discord does not take this token\n"),
        "{ran:?}"
    );
    assert_eq!(guild.ask("gateway")["connections"], 0);
    let asked = guild.ask("journal");
    assert_eq!(asked.as_array().unwrap().len(), 1, "{asked}");
}

#[test]
fn intents_that_are_not_granted_are_one_clear_error() {
    let content = (1 << 15).to_string();
    let Some(guild) = Guild::with(&["--deny-intents", &content]) else {
        return;
    };
    let (code, said) = guild.begin().exit();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("Message Content"), "{said}");
    assert_eq!(guild.ask("gateway")["connections"], 1);
}

#[test]
fn there_is_one_bot_in_a_home_and_it_ends_when_it_is_told_to() {
    let Some(guild) = Guild::new() else { return };
    let bot = guild.bot();
    let second = run(&mut guild.command(&["run"]), b"");
    assert_eq!(second.code, 75, "{second:?}");
    bot.terminate();
    assert_eq!(bot.exit().0, Some(0));
}

#[test]
fn what_is_missing_is_told_before_it_is_missed() {
    let Some(guild) = Guild::new() else { return };
    guild.configure("channels:\n  alerts: 2003\n  logs: 9999\n");
    let ran = run(&mut guild.command(&["check", "--json"]), b"");
    assert_eq!(ran.code, 1, "{ran:?}");
    let found = ran.json();
    let fine = |what: &str| {
        let all = found["findings"].as_array().unwrap();
        all.iter()
            .find(|it| it["what"] == what)
            .map(|it| it["is_fine"] == true)
    };
    assert_eq!(fine("token"), Some(true), "{found}");
    assert_eq!(fine("channels.alerts"), Some(true), "{found}");
    assert_eq!(fine("channels.logs"), Some(false), "{found}");
    // Whom the machine does not trust it does not talk to.
    let mut command = guild.command(&["check"]);
    let ran = run(command.env_remove("SSL_CERT_FILE"), b"");
    assert_eq!(ran.code, 69, "{ran:?}");
}

/// As systemd does it: `man sd_notify`.
#[test]
fn the_service_manager_is_told_when_it_is_connected_and_that_it_lives() {
    let Some(guild) = Guild::new() else { return };
    let socket = guild.place.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let told = || {
        let mut text = [0; 256];
        let size = manager.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..size]).trim_end().to_owned()
    };
    let _bot = guild.begin_as(guild.command(&["run"]).env("NOTIFY_SOCKET", &socket));
    // It may say that it lives before it has said that it is ready.
    while told() != "READY=1" {}
    assert_eq!(guild.ask("gateway")["ready"], 1);
    while told() != "WATCHDOG=1" {}
}

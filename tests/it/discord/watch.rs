//! What the bot tells by itself.

use std::fmt::Write as _;

use serde_json::Value;

use super::{ALERTS, GENERAL, Guild, OPERATOR};
use crate::home::run;

fn log(guild: &Guild, lines: &str) {
    let mut logctl = guild.home.command(env!("CARGO_BIN_EXE_logctl"));
    let ran = run(logctl.args(["write", "--batch", "-"]), lines.as_bytes());
    assert_eq!(ran.code, 0, "{ran:?}");
}

pub(super) fn taskctl(guild: &Guild, line: &str) {
    let mut taskctl = guild.home.command(env!("CARGO_BIN_EXE_taskctl"));
    let ran = run(taskctl.args(line.split(' ')), b"");
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
}

fn text(message: &Value) -> &str {
    message["content"].as_str().unwrap()
}

#[test]
fn an_incident_is_one_message_that_is_edited() {
    let Some(guild) = Guild::new() else { return };
    guild.configure("channels:\n  alerts: 2003\n");
    let bot = guild.bot();
    guild.messages(ALERTS, 0);
    taskctl(&guild, "create parser --id t5 --for agent-1");
    taskctl(&guild, "start t5 --as agent-1");
    taskctl(&guild, "fail t5 broken --as agent-1");
    let first = guild.messages(ALERTS, 1);
    assert!(text(&first[0]).contains("task.failed"), "{first:?}");
    let id = first[0]["id"].as_str().unwrap();
    let rows = first[0]["components"].as_array().unwrap();
    let ack = &rows[0]["components"][0];
    assert_eq!(ack["label"], "Ack");
    let pressed = guild.press(OPERATOR, id, ack["custom_id"].as_str().unwrap());
    guild.answer(&pressed, "looked after by operator");
    guild.ask(&format!(
        "messages/{ALERTS}?contains=looked%20after%20by&timeout=20"
    ));
    // Killed and started anew it tells nothing twice.
    drop(bot);
    let _bot = guild.bot();
    taskctl(&guild, "reopen t5");
    guild.ask(&format!(
        "messages/{ALERTS}?contains=over%20since&timeout=20"
    ));
    assert_eq!(guild.messages(ALERTS, 1).len(), 1);
    guild.assert_clean();
}

#[test]
fn a_thousand_lines_of_a_log_are_a_few_messages() {
    let Some(guild) = Guild::new() else { return };
    guild.configure("log_level: info\nchannels:\n  logs: 2001\n");
    let _bot = guild.bot();
    let mut lines = String::new();
    for n in 0..1000 {
        writeln!(
            lines,
            r#"{{"channel": "bridge", "event": "script.said", "msg": "line {n}."}}"#
        )
        .unwrap();
    }
    log(&guild, &lines);
    let mut told = String::new();
    crate::metrics::wait_until("all are told", || {
        told = guild.ask(&format!("messages/{GENERAL}")).to_string();
        told.contains("line 999.")
    });
    for n in 0..1000 {
        assert!(told.contains(&format!("line {n}.")), "{n}");
    }
    assert!(guild.messages(GENERAL, 1).len() <= 3);
}

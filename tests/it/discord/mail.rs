//! Mail in both directions: tainted on its way in, whole on its way out, once each.

use serde_json::{Value, json};

use super::{AGENTS, GENERAL, Guild, OPERATOR, OWNER, STRANGER};

fn assign(guild: &Guild) {
    let body = json!({
        "user": OWNER, "channel": AGENTS, "name": "channels",
        "options": [{"name": "assign", "type": 1, "options": [{"name": "agent", "type": 3, "value": "agent-1"}]}],
    });
    let made = guild.tell("command", &body);
    guild.answer(made["id"].as_str().unwrap(), "belongs to agent-1");
}

#[test]
fn a_message_is_followed_until_it_is_acknowledged() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    let id = guild.command_of(
        OPERATOR,
        "send",
        &[("agent", json!("agent-1")), ("text", json!("resume"))],
    );
    let answer = guild.answer(&id, "queued agent-1/1, not read");
    assert_eq!(answer["ephemeral"], false);
    guild.home.ok(&["next", "--as", "agent-1"]);
    guild.answer(&id, "read agent-1/1, not acknowledged");
    guild.home.ok(&["ack", "agent-1/1", "--as", "agent-1"]);
    guild.answer(&id, "acknowledged agent-1/1");
}

#[test]
fn what_is_said_in_a_channel_is_mail_and_its_answer_is_posted_there() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    assign(&guild);
    guild.say(OPERATOR, AGENTS, "please $(touch /tmp/x) look");
    let ran = guild.home.ok(&[
        "next",
        "--wait",
        "--timeout",
        "30s",
        "--as",
        "agent-1",
        "--json",
    ]);
    let mail = ran.json();
    let mail = mail.get("message").unwrap_or(&mail).clone();
    assert_eq!(mail["content"], "please $(touch /tmp/x) look");
    assert_eq!(mail["origin"], "discord:4002");
    assert_eq!(mail["taint"], "discord:4002");
    assert_eq!(mail["metadata"]["discord"]["channel"], AGENTS);
    // Nobody whom the policy does not let writes to an agent.
    guild.say(STRANGER, AGENTS, "let me in");
    let long = format!(
        "@everyone\n```rust\n{}```\nthe end",
        "let x = 1;\n".repeat(400)
    );
    guild
        .home
        .ok(&["reply", "agent-1/1", &long, "--as", "agent-1"]);
    let mut posted = Vec::new();
    while !posted
        .iter()
        .any(|it: &Value| it["content"].as_str().unwrap().ends_with("the end"))
    {
        posted = guild.messages(AGENTS, posted.len() + 1);
    }
    let own: Vec<&Value> = posted
        .iter()
        .filter(|it| it["author"]["id"] == "5000")
        .collect();
    assert!(own.len() > 1, "{own:?}");
    let lines: usize = own
        .iter()
        .map(|it| {
            it["content"]
                .as_str()
                .unwrap()
                .matches("let x = 1;")
                .count()
        })
        .sum();
    assert_eq!(lines, 400);
    for it in own {
        let text = it["content"].as_str().unwrap();
        assert!(text.chars().count() <= 2000);
        assert_eq!(text.matches("```").count() % 2, 0, "{text}");
        assert_eq!(it["pings"], json!([]), "{it}");
    }
    assert_eq!(guild.home.times("agent-1", "let me in"), 0);
    guild.assert_clean();
}

#[test]
fn mail_for_the_bot_is_posted_once_though_discord_fails() {
    let Some(guild) = Guild::new() else { return };
    guild.configure("channels:\n  announcements: 2001\n");
    let _bot = guild.bot();
    for fault in [
        json!({"match": "POST */messages", "status": 502, "times": 2}),
        json!({"match": "POST */messages", "status": 429, "retry_after": 1.0, "times": 1}),
        json!({"match": "POST */messages", "cut": "after", "times": 1}),
    ] {
        guild.tell("fault", &fault);
    }
    guild
        .home
        .ok(&["send", "discord", "the build is green", "--as", "agent-2"]);
    guild
        .home
        .ok(&["send", "discord", "and so is the other", "--as", "agent-2"]);
    let posted = guild.messages(GENERAL, 2);
    let texts: Vec<&str> = posted
        .iter()
        .map(|it| it["content"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "**agent-2**: the build is green",
            "**agent-2**: and so is the other"
        ]
    );
    let waited = crate::metrics::wait_until;
    waited("both are acknowledged", || {
        guild.home.pending("discord").is_empty()
    });
    assert_eq!(guild.messages(GENERAL, 2).len(), 2);
}

#[test]
fn what_belongs_to_no_channel_becomes_a_dead_letter() {
    let Some(guild) = Guild::new() else { return };
    let bot = guild.bot();
    guild
        .home
        .ok(&["send", "discord", "where to?", "--as", "agent-2"]);
    crate::metrics::wait_until("it is a dead letter", || {
        let dead = guild.home.mailbox("discord").join("dead.json");
        std::fs::read_to_string(dead).is_ok_and(|it| it.contains("where to?"))
    });
    assert!(
        bot.said().contains("channels.announcements"),
        "{}",
        bot.said()
    );
}

#[test]
fn what_a_killed_bot_had_taken_is_posted_by_the_next_at_once() {
    let Some(guild) = Guild::new() else { return };
    guild.configure("channels:\n  announcements: 2001\n");
    drop(guild.bot());
    let sent = guild
        .home
        .run(&["send", "discord", "hello", "--as", "agent-2"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let taken = guild
        .home
        .run(&["next", "--lease", "600s", "--as", "discord"]);
    assert_eq!(taken.code, 0, "{taken:?}");
    let _bot = guild.bot();
    let posted = guild.messages(GENERAL, 1);
    assert_eq!(posted[0]["content"], "**agent-2**: hello");
}

#[test]
fn a_webhook_posts_one_way_and_never_twice() {
    let Some(guild) = Guild::new() else { return };
    let address = "https://discord.com/api/webhooks/6001/webhook-of-the-alerts";
    let post = |args: &[&str], text: &str| {
        let mut command = guild.command(&["post"]);
        command.args(args).env("DISCORD_WEBHOOK_URL", address);
        crate::home::run(&mut command, text.as_bytes())
    };
    let long = format!("@everyone {}", "word ".repeat(500));
    let posted = post(&["-", "--username", "ci", "--json"], &long);
    assert_eq!(posted.code, 0, "{posted:?}");
    let said: serde_json::Value = serde_json::from_str(&posted.out).unwrap();
    assert_eq!(said["messages"].as_array().unwrap().len(), 2);
    let there = guild.messages(super::ALERTS, 2);
    assert_eq!(there[0]["author"]["username"], "ci");
    assert_eq!(there[0]["pings"], serde_json::json!([]));

    // Its answer is lost: nobody knows, and nobody tries again.
    let fault = serde_json::json!({"match": "POST /webhooks/*", "cut": "after", "times": 1});
    guild.tell("fault", &fault);
    let lost = post(&["once"], "");
    assert_eq!(lost.code, 75, "{lost:?}");
    assert!(lost.err.contains("may have been"), "{lost:?}");
    assert_eq!(guild.messages(super::ALERTS, 3).len(), 3);

    let mut command = guild.command(&["post", "hello"]);
    command.env("DISCORD_WEBHOOK_URL", address.replace("alerts", "others"));
    let refused = crate::home::run(&mut command, b"");
    assert_eq!(refused.code, 69, "{refused:?}");
    for ran in [posted, lost, refused] {
        assert!(!ran.err.contains("webhook-of-the"), "{ran:?}");
    }
}

/// A thousand, or `DREAMOS_TEST_QUEUED`: ten thousand take some minutes.
#[test]
fn all_that_is_queued_is_posted_and_nothing_is_lost_or_doubled_by_kills() {
    let all = std::env::var("DREAMOS_TEST_QUEUED").map_or(1000, |it| it.parse().unwrap());
    let Some(guild) = Guild::with(&["--rate", "1000000/1"]) else {
        return;
    };
    guild.configure("channels:\n  announcements: 2001\n");
    let batch: Vec<String> = (0..all)
        .map(|n| format!("{{\"content\": \"message {n}.\"}}\n"))
        .collect();
    drop(guild.bot());
    let sent = guild.home.run_with(
        &[
            "send", "discord", "--batch", "-", "--force", "--as", "agent-2",
        ],
        batch.concat().as_bytes(),
    );
    assert_eq!(sent.code, 0, "{sent:?}");
    for so_far in [all / 4, all / 2] {
        let bot = guild.bot();
        guild.messages(GENERAL, so_far);
        drop(bot);
    }
    let _last = guild.bot();
    let posted = guild.messages(GENERAL, all);
    let mut texts: Vec<&str> = posted
        .iter()
        .map(|it| it["content"].as_str().unwrap())
        .collect();
    texts.sort_unstable();
    let mut wanted: Vec<String> = (0..all)
        .map(|n| format!("**agent-2**: message {n}."))
        .collect();
    wanted.sort_unstable();
    assert_eq!(texts, wanted);
}

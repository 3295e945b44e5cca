//! Who may ask for what, and what is answered.

use serde_json::{Value, json};

use super::{GENERAL, Guild, OPERATOR, OWNER, STRANGER, VIEWER, asked, code};
use crate::home::run;

#[test]
fn each_may_what_the_policy_says_by_the_numbers_of_discord() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    let refused = |text: &str| text.starts_with("Error: discord:") && text.contains("may not");
    for (user, line, given, may) in [
        (STRANGER, "agents", vec![], false),
        (STRANGER, "help", vec![], false),
        (VIEWER, "agents", vec![], true),
        (VIEWER, "system status", vec![], true),
        (VIEWER, "metrics", vec![], true),
        (VIEWER, "summary", vec![], true),
        (
            VIEWER,
            "send",
            vec![("agent", json!("agent-1")), ("text", json!("no"))],
            false,
        ),
        (VIEWER, "inbox", vec![("agent", json!("agent-1"))], false),
        (VIEWER, "logs", vec![("source", json!("system"))], false),
        (OPERATOR, "inbox", vec![("agent", json!("agent-1"))], true),
        (OPERATOR, "logs", vec![("source", json!("system"))], true),
        (OPERATOR, "tasks", vec![], true),
        (
            OPERATOR,
            "task create",
            vec![("name", json!("clean up"))],
            true,
        ),
        (
            OPERATOR,
            "devlog update",
            vec![("agent", json!("agent-1")), ("text", json!("did it"))],
            true,
        ),
        (
            OPERATOR,
            "devlog view",
            vec![("agent", json!("agent-1"))],
            true,
        ),
        (OPERATOR, "broadcast", vec![("text", json!("all"))], false),
        (
            OPERATOR,
            "channels assign",
            vec![("agent", json!("agent-1"))],
            false,
        ),
        (OPERATOR, "audit", vec![], false),
        (OWNER, "broadcast", vec![("text", json!("all"))], true),
        (OWNER, "audit", vec![], true),
    ] {
        let id = guild.command_of(user, line, &given);
        let answer = guild.answer(&id, "");
        let text = answer["original"]["content"].as_str().unwrap();
        assert_eq!(!refused(text), may, "{user} /{line}: {text}");
        assert!(may != text.starts_with("Error"), "{user} /{line}: {text}");
        // Whatever is answered is answered in time.
        assert_eq!(answer["type"], 5, "{answer}");
    }
    assert_eq!(guild.home.all("agent-1"), [""; 0]);
    guild.assert_clean();
}

#[test]
fn every_command_is_answered_and_leaves_one_record() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    let agent = ("agent", json!("agent-1"));
    let text = ("text", json!("go on"));
    for (line, given, said) in [
        ("agents", vec![], "Available Agents"),
        ("agent show", vec![agent.clone()], "agent-1"),
        ("agent resume", vec![agent.clone()], "Successfully resumed"),
        (
            "agent verify",
            vec![agent.clone()],
            "Verification request sent",
        ),
        (
            "agent request",
            vec![("what", json!("sync")), agent.clone()],
            "Sync request sent",
        ),
        ("send", vec![agent.clone(), text.clone()], "Message sent"),
        ("captain", vec![agent.clone(), text.clone()], "Order sent"),
        ("prompt", vec![agent.clone(), text.clone()], "Prompt sent"),
        ("inbox", vec![agent.clone()], "go on"),
        ("tasks", vec![], "None"),
        (
            "task create",
            vec![("name", json!("tidy")), agent.clone()],
            "written down for agent-1",
        ),
        (
            "logs",
            vec![("source", json!("messages")), ("lines", json!(5))],
            "mail.sent",
        ),
        (
            "devlog update",
            vec![agent.clone(), text.clone()],
            "Devlog updated",
        ),
        ("devlog view", vec![agent.clone()], "go on"),
        ("devlog clear", vec![agent.clone()], "Devlog cleared"),
        (
            "multi",
            vec![("what", json!("verify")), ("agents", json!("1,3"))],
            "agent-3: queued",
        ),
        ("system status", vec![], "5 agents"),
        (
            "system request",
            vec![("what", json!("backup"))],
            "System Operation",
        ),
        ("channels list", vec![], "Channel Assignments"),
        ("metrics", vec![], "Metrics"),
        ("summary", vec![], "Digest"),
        ("help", vec![], "Help"),
        ("agent show", vec![("agent", json!("agent-l"))], "agent-1"),
    ] {
        let told = guild.says(OWNER, line, &given);
        assert!(told.contains(said), "/{line}: {told}");
    }
    let records = guild.audit();
    let of_visits: Vec<&str> = records
        .lines()
        .filter(|it| it.contains("\"discord.use\""))
        .collect();
    assert_eq!(of_visits.len(), 23, "{records}");
    assert!(
        of_visits
            .iter()
            .all(|it| it.contains("\"who\":\"discord:4001\""))
    );
    assert!(
        !of_visits.iter().any(|it| it.contains("go on")),
        "texts are recorded by their length"
    );
    guild.assert_clean();
}

#[test]
fn what_is_typed_is_completed_for_whom_it_may_be() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    let choices = |user: &str, line: &str, name: &str, typed: &str| {
        let body = asked(user, line, &[(name, json!(typed))], Some(name));
        let made = guild.tell("autocomplete", &body);
        let id = made["id"].as_str().unwrap();
        let answer = guild.ask(&format!("interaction/{id}?wait=acknowledged&timeout=20"));
        let all = answer["choices"].as_array().unwrap();
        all.iter()
            .map(|it| it["value"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        choices(VIEWER, "agent show", "agent", "agent-"),
        ["agent-1", "agent-2", "agent-3", "agent-4"]
    );
    assert!(choices(OPERATOR, "logs", "source", "sec").contains(&"security".to_owned()));
    assert_eq!(choices(STRANGER, "agent show", "agent", ""), [""; 0]);
    guild.assert_clean();
}

#[test]
fn a_long_answer_is_a_file() {
    let Some(guild) = Guild::new() else { return };
    for n in 0..60 {
        guild.home.ok(&[
            "send",
            "agent-1",
            &format!("{n} of many words that fill a line of the list"),
        ]);
    }
    let _bot = guild.bot();
    let id = guild.command_of(OWNER, "inbox", &[("agent", json!("agent-1"))]);
    let answer = guild.answer(&id, "in the file");
    let file = answer["original"]["files"][0].to_string();
    assert!(file.contains("59 of many words"), "{answer}");
    assert_eq!(answer["ephemeral"], true);
}

#[test]
fn a_person_is_paired_by_a_code_that_is_typed_at_the_terminal() {
    let Some(guild) = Guild::new() else { return };
    guild.home.obey("# mine\nversion: 1\n");
    let _bot = guild.bot();
    assert!(
        guild
            .says(STRANGER, "agents", &[])
            .contains("may not use the bot")
    );
    let told = guild.says(STRANGER, "pair", &[]);
    let code = code(&told);
    let paired = run(
        guild.home.command(&super::discordbot()).args([
            "pair",
            code,
            "--role",
            "discord-operator",
            "--json",
        ]),
        b"",
    );
    assert_eq!(paired.code, 0, "{paired:?}");
    assert_eq!(paired.json()["user"], STRANGER);
    assert_eq!(paired.json()["name"], "stranger");
    let again = run(
        guild
            .home
            .command(&super::discordbot())
            .args(["pair", code]),
        b"",
    );
    assert_eq!(again.code, 66, "{again:?}");
    assert!(
        std::fs::read_to_string(guild.home.policies())
            .unwrap()
            .starts_with("# mine\nversion: 1\n")
    );
    assert!(
        guild
            .says(STRANGER, "agents", &[])
            .contains("Available Agents")
    );
    assert!(guild.audit().contains("\"policy.write\""));
}

#[test]
fn nothing_is_stopped_or_sent_to_all_by_one_press_or_by_another() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    let id = guild.command_of(OWNER, "agent show", &[("agent", json!("agent-1"))]);
    let stop = Guild::button(&guild.answer(&id, ""), "Stop");
    let first = guild.press(OWNER, &format!("@original of {id}"), &stop);
    let shown = guild.ask(&format!(
        "interaction/{id}?wait=edited&contains=Good%20for%2060&timeout=20"
    ));
    assert!(!guild.audit().contains("\"button stop\""), "{first}");
    let really = Guild::button(&shown, "Stop");
    guild.press(OWNER, &format!("@original of {id}"), &really);
    guild.ask(&format!(
        "interaction/{id}?wait=edited&contains=agent-1%20did%20not%20run&timeout=20"
    ));
    assert!(guild.audit().contains("\"button stop\""));

    let id = guild.command_of(OWNER, "broadcast", &[("text", json!("stand down"))]);
    let preview = guild.answer(&id, "To 5 agents");
    let send = Guild::button(&preview, "Send");
    guild.press(OWNER, &format!("@original of {id}"), &send);
    guild.ask(&format!(
        "interaction/{id}?wait=edited&contains=Message%20sent%20to%205%20agents&timeout=20"
    ));
    for agent in ["agent-1", "agent-4", "captain"] {
        assert_eq!(guild.home.times(agent, "stand down"), 1);
    }
}

#[test]
fn a_command_that_comes_twice_is_done_once() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    let mut body = asked(
        OPERATOR,
        "send",
        &[("agent", json!("agent-1")), ("text", json!("once"))],
        None,
    );
    body["id"] = "777000".into();
    guild.tell("command", &body);
    guild.tell("command", &body);
    guild.answer("777000", "queued");
    // What was asked for later is answered: so the second was looked at.
    guild.says(VIEWER, "agents", &[]);
    assert_eq!(guild.home.times("agent-1", "once"), 1);
    let message = json!({"user": OPERATOR, "channel": GENERAL, "content": "!message agent-2 once", "id": "777001"});
    guild.tell("message", &message);
    guild.tell("message", &message);
    guild.messages(GENERAL, 2);
    guild.says(VIEWER, "agents", &[]);
    assert_eq!(guild.home.times("agent-2", "once"), 1);
}

#[test]
fn the_commands_of_the_original_are_answered_too() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    let mut count = 0;
    for (said, answered) in [
        ("!list", "Available Agents"),
        ("!message agent-1 hello there", "Message sent"),
        ("!devlog agent-1 did it", "Devlog updated"),
        ("!channels", "Channel Assignments"),
        ("!message agent-l x", "agent-1"),
        ("!dance", "Invalid command"),
    ] {
        guild.say(OWNER, GENERAL, said);
        count += 2;
        let all = guild.messages(GENERAL, count);
        let last = all.last().unwrap();
        assert!(
            last["content"].as_str().unwrap().contains(answered),
            "{said}: {last}"
        );
        assert_eq!(last["allowed_mentions"]["parse"], json!([]), "{last}");
    }
    assert_eq!(guild.home.times("agent-1", "hello there"), 1);
    let said: Value = guild.ask(&format!("messages/{GENERAL}"));
    assert_eq!(said.as_array().unwrap().len(), count);
}

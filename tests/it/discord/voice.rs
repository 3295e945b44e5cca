//! The bot in a voice channel, against a voice server that decrypts and decodes what it hears.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::watch::taskctl;
use super::{Guild, OPERATOR, OWNER, STRANGER, VIEWER};
use crate::home::run;
use crate::metrics::wait_until;

const ROOM: &str = "2010";
const TEXT: &str = "All four agents are well, and nothing waits.";
/// At which sounds are compared; what Opus leaves out lies above.
const COMPARED: u32 = 8000;

/// As the engine itself speaks it.
fn spoken(text: &str, into: &Path) {
    let args = ["-v", "en", "-s", "175", "-w", into.to_str().unwrap(), text];
    let ran = run(Command::new("espeak-ng").args(args), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
}

/// The samples of a WAV file of 16 bits and one channel, at the rate at which they are compared.
fn samples(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[36..40], b"data", "{}", path.display());
    let rate = u32::from_le_bytes(bytes[24..28].try_into().unwrap());
    let (pairs, _) = bytes[44..].as_chunks::<2>();
    let all: Vec<f32> = pairs
        .iter()
        .map(|it| f32::from(i16::from_le_bytes(*it)))
        .collect();
    let count = all.len() * COMPARED as usize / rate as usize;
    let at = |n: usize| n * rate as usize / COMPARED as usize;
    let mean = |part: &[f32]| part.iter().sum::<f32>() / count_of(part);
    (0..count)
        .map(|n| mean(&all[at(n)..at(n + 1).min(all.len())]))
        .collect()
}

fn count_of(all: &[f32]) -> f32 {
    f32::from(u16::try_from(all.len()).expect("a few seconds"))
}

/// Without the silence around it.
fn trimmed(all: &[f32]) -> &[f32] {
    let loudest = all.iter().fold(0.0, |most: f32, it| most.max(it.abs()));
    let is_loud = |it: &f32| it.abs() > loudest / 20.0;
    let first = all.iter().position(is_loud).unwrap();
    let last = all.iter().rposition(is_loud).unwrap();
    &all[first..=last]
}

/// The best of all shifts of a tenth of a second at most: 1 for the same sound.
fn correlation(one: &[f32], other: &[f32]) -> f32 {
    let most = COMPARED as usize / 10;
    let of = |a: &[f32], b: &[f32]| {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    let shifts = (0..most).flat_map(|n| [of(&one[n..], other), of(one, &other[n..])]);
    shifts.fold(0.0, f32::max)
}

impl Guild {
    fn queue(&self) -> PathBuf {
        self.home.dir.join("runtime/voice_queue")
    }

    fn queued(&self) -> usize {
        let all = std::fs::read_dir(self.queue()).unwrap();
        all.filter(|it| it.as_ref().unwrap().file_type().unwrap().is_file())
            .count()
    }

    /// The calls that there were.
    fn calls(&self, wait: &str) -> Vec<Value> {
        let all = self.ask(&format!("voice?timeout=20&{wait}"));
        all.as_array().unwrap().clone()
    }

    /// What arrived in a call.
    fn sound(&self, call: &Value) -> PathBuf {
        self.recording(call, "file")
    }

    /// The one that there was, once it is over.
    fn only_call(&self) -> Value {
        let mut calls = self.calls("wait_over=1");
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    fn recording(&self, call: &Value, which: &str) -> PathBuf {
        let told = self.ask(&format!("voice/{}/audio", call["n"]));
        PathBuf::from(told[which].as_str().unwrap())
    }

    /// Goes into the channel and listens, or leaves it.
    fn goes(&self, user: &str, channel: Option<&str>) {
        self.tell("voice", &json!({"user": user, "channel": channel}));
    }

    /// The sentence as the engine speaks it.
    fn source(&self) -> Vec<f32> {
        let source = self.place.path().join("source.wav");
        spoken(TEXT, &source);
        samples(&source)
    }
}

/// The same sound, and as long.
fn assert_same(source: &[f32], heard: &[f32]) {
    let (source, heard) = (trimmed(source), trimmed(heard));
    let longer = count_of(heard) / count_of(source);
    let alike = correlation(source, heard);
    assert!((0.9..=1.1).contains(&longer), "{longer} times as long");
    assert!(alike >= 0.9, "correlation {alike}");
}

/// Every frame with sound in it was encrypted, and those for whom it was could decrypt it.
fn assert_encrypted(call: &Value) {
    let count = |name: &str| call[name].as_u64().unwrap();
    assert_eq!(call["bad"], 0, "{call}");
    assert_eq!(count("invalid_commits"), 0, "{call}");
    assert!(count("encrypted") > 50, "{call}");
    let silent = count("silences");
    assert_eq!(count("encrypted") + silent, count("packets"), "{call}");
}

#[test]
fn what_is_said_is_what_is_heard() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    let told = guild.says(OWNER, "say", &[("text", json!(TEXT))]);
    assert!(told.contains("it is in no voice channel"), "{told}");
    let told = guild.says(OWNER, "join", &[("channel", json!(ROOM))]);
    assert_eq!(told, "Joined <#2010>.");
    let id = guild.command_of(OWNER, "say", &[("text", json!(TEXT))]);
    guild.answer(&id, "it was said");
    assert_eq!(guild.queued(), 0);
    assert_eq!(guild.says(OWNER, "leave", &[]), "Left <#2010>.");

    let call = &guild.only_call();
    assert_eq!(call["bad"], 0, "{call}");
    assert_same(&guild.source(), &samples(&guild.sound(call)));
    guild.assert_clean();
}

#[test]
fn in_a_call_with_end_to_end_encryption_who_listens_hears_it_and_nobody_else() {
    let Some(guild) = Guild::new() else { return };
    guild.goes(OWNER, Some(ROOM));
    let _bot = guild.bot();
    guild.says(OWNER, "join", &[("channel", json!(ROOM))]);
    guild.calls("wait_transitions=1");
    let id = guild.command_of(OWNER, "say", &[("text", json!(TEXT))]);
    guild.answer(&id, "it was said");
    guild.says(OWNER, "leave", &[]);

    let call = &guild.only_call();
    assert_encrypted(call);
    let source = guild.source();
    assert_same(&source, &samples(&guild.sound(call)));
    // Nonsense is sound as well, if there is any.
    let overheard = samples(&guild.recording(call, "overheard"));
    let alike = correlation(&source, &overheard);
    println!("without the keys: correlation {alike:.3}");
    assert!(alike < 0.3, "correlation {alike} without the keys");
}

#[test]
fn whoever_comes_and_goes_while_it_speaks_hears_what_he_may() {
    let Some(guild) = Guild::new() else { return };
    guild.goes(OWNER, Some(ROOM));
    let _bot = guild.bot();
    guild.says(OWNER, "join", &[("channel", json!(ROOM))]);
    guild.calls("wait_transitions=1");
    let id = guild.command_of(OWNER, "say", &[("text", json!(TEXT))]);
    guild.calls("wait_encrypted=20");
    // The first makes the commit, the second one makes it in vain.
    guild.goes(OPERATOR, Some(ROOM));
    let calls = guild.calls("wait_transitions=2");
    // What is in flight only the first can decrypt.
    let sent = calls[0]["encrypted"].as_u64().unwrap();
    guild.calls(&format!("wait_encrypted={}", sent + 5));
    guild.goes(OWNER, None);
    let calls = guild.calls("wait_transitions=3");
    assert_eq!(guild.queued(), 1, "it spoke on all the while: {calls:?}");
    guild.answer(&id, "it was said");
    let first = samples(&guild.sound(&calls[0]));
    // All alone, it is of no group; into the next one it is welcomed.
    guild.goes(OPERATOR, None);
    guild.goes(VIEWER, Some(ROOM));
    guild.calls("wait_transitions=4");
    let id = guild.command_of(OWNER, "say", &[("text", json!(TEXT))]);
    guild.answer(&id, "it was said");
    guild.says(OWNER, "leave", &[]);

    let call = &guild.only_call();
    assert_encrypted(call);
    assert_eq!(
        (&call["commits"], &call["welcomes"]),
        (&json!(3), &json!(1))
    );
    let (source, both) = (guild.source(), samples(&guild.sound(call)));
    assert_same(&source, &first);
    assert_same(&source, &both[first.len()..]);
}

#[test]
fn only_whom_the_policy_lets_makes_it_speak() {
    let Some(guild) = Guild::new() else { return };
    let _bot = guild.bot();
    for (line, given) in [
        ("join", vec![("channel", json!(ROOM))]),
        ("say", vec![("text", json!("buy now"))]),
        ("leave", vec![]),
        ("voice", vec![("name", json!("en-gb"))]),
    ] {
        let told = guild.says(STRANGER, line, &given);
        assert!(told.starts_with("Error: "), "{line}: {told}");
        assert!(told.contains("may not use the bot"), "{line}: {told}");
    }
    assert!(guild.calls("").is_empty());
    assert!(guild.audit().contains("discord:4003"));
}

#[test]
fn a_voice_is_chosen_by_name_and_kept() {
    let Some(guild) = Guild::new() else { return };
    let bot = guild.bot();
    let told = guild.says(OPERATOR, "voice", &[("name", json!("siri"))]);
    assert!(told.contains("espeak-ng has no voice \"siri\""), "{told}");
    let told = guild.says(
        OPERATOR,
        "voice",
        &[("name", json!("en-gb")), ("rate", json!(120))],
    );
    assert!(told.contains("espeak-ng, en-gb, 120 %"), "{told}");
    let told = guild.says(OPERATOR, "voice", &[("rate", json!(20))]);
    assert!(told.contains("50 to 300"), "{told}");
    drop(bot);
    let _bot = guild.bot();
    let told = guild.says(OPERATOR, "status", &[]);
    assert!(
        told.contains("voice: in no channel, silent, 0 wait"),
        "{told}"
    );
    assert!(told.contains("espeak-ng, en-gb, 120 %"), "{told}");
    let listed = guild.answer(&guild.command_of(OPERATOR, "voices", &[]), "Voices");
    assert!(
        listed["original"]
            .to_string()
            .contains("espeak-ng-voices.txt")
    );
}

#[test]
fn what_lies_in_the_queue_is_played_when_it_is_whole_and_kept_until_it_was_heard() {
    let Some(guild) = Guild::new() else { return };
    guild.configure("channels:\n  voice: 2010\n");
    let source = guild.place.path().join("source.wav");
    spoken(TEXT, &source);
    let whole = std::fs::read(&source).unwrap();
    std::fs::create_dir_all(guild.queue()).unwrap();
    // Somebody begins to write, and another puts what is no sound beside it.
    let by_hand = guild.queue().join("by-hand.wav");
    let mut half = std::fs::File::create(&by_hand).unwrap();
    std::io::Write::write_all(&mut half, &whole[..whole.len() / 2]).unwrap();
    std::fs::write(guild.queue().join("broken.mp3"), "no sound at all").unwrap();
    std::fs::write(guild.queue().join("notes.txt"), "no sound either").unwrap();

    let first = guild.bot();
    let failed = guild.queue().join("failed");
    wait_until("what nobody can play is set aside", || {
        failed.join("broken.mp3").exists() && failed.join("notes.txt").exists()
    });
    assert!(by_hand.exists());
    std::io::Write::write_all(&mut half, &whole[whole.len() / 2..]).unwrap();
    drop(half);
    // Killed while it is heard: then it was not heard.
    guild.calls("wait_packets=20");
    drop(first);
    assert!(by_hand.exists());
    let _second = guild.bot();
    wait_until("it was heard", || !by_hand.exists());
    assert_eq!(guild.queued(), 0);
    let calls = guild.calls("wait_silences=1");
    let heard = samples(&guild.sound(calls.last().unwrap()));
    let source = samples(&source);
    assert!(correlation(trimmed(&source), trimmed(&heard)) >= 0.9);
}

#[test]
fn what_is_wrong_and_what_was_done_is_told_aloud_where_it_was_called() {
    let Some(guild) = Guild::new() else { return };
    guild.configure("channels:\n  alerts: 2003\n");
    let _bot = guild.bot();
    // In the channel where the one who calls it is.
    guild.tell("voice", &json!({"user": OWNER, "channel": ROOM}));
    wait_until("it saw who is where", || {
        guild.says(OWNER, "join", &[]) == "Joined <#2010>."
    });
    taskctl(&guild, "create parser --id t5 --for agent-1");
    taskctl(&guild, "start t5 --as agent-1");
    taskctl(&guild, "fail t5 broken --as agent-1");
    guild.calls("wait_packets=50");
    wait_until("it was told", || guild.queued() == 0);
    let before = guild.calls("").last().unwrap()["packets"].as_u64().unwrap();
    guild.says(OWNER, "summary", &[]);
    guild.calls(&format!("wait_packets={}", before + 50));
}

#[test]
fn whoever_is_put_out_stays_out_and_whoever_lost_the_line_comes_back() {
    let Some(guild) = Guild::new() else { return };
    let bot = guild.bot();
    guild.says(OWNER, "join", &[("channel", json!(ROOM))]);
    // The voice server forgets the call: a new one is made, and what was asked for is heard.
    guild.tell("voice", &json!({"do": "close", "code": 4006}));
    let id = guild.command_of(OWNER, "say", &[("text", json!(TEXT))]);
    guild.answer(&id, "it was said");
    assert!(guild.calls("").len() >= 2);
    // So does a bot that is started anew.
    drop(bot);
    let _bot = guild.bot();
    let id = guild.command_of(OWNER, "say", &[("text", json!(TEXT))]);
    guild.answer(&id, "it was said");
    let me = guild.calls("").last().unwrap()["user"].clone();
    guild.tell("voice", &json!({"user": me, "channel": null}));
    wait_until("it knows that it is out", || {
        guild
            .says(OWNER, "status", &[])
            .contains("voice: in no channel")
    });
    let calls = guild.calls("").len();
    let told = guild.says(OWNER, "say", &[("text", json!(TEXT))]);
    assert!(told.contains("it is in no voice channel"), "{told}");
    assert_eq!(guild.calls("").len(), calls);
}

#[test]
fn what_it_says_first_of_all_is_encrypted_too() {
    let Some(guild) = Guild::new() else { return };
    guild.configure("channels:\n  voice: 2010\n");
    guild.goes(OWNER, Some(ROOM));
    std::fs::create_dir_all(guild.queue()).unwrap();
    spoken(TEXT, &guild.queue().join("waits.wav"));
    // Three times: its key package, its commit, and that it is ready.
    guild.tell("voice", &json!({"do": "lag", "ms": 150}));
    let _bot = guild.bot();
    wait_until("it was heard", || guild.queued() == 0);
    let calls = guild.calls("wait_silences=1");
    assert_encrypted(&calls[0]);
    assert_same(&guild.source(), &samples(&guild.sound(&calls[0])));
}

//! A stdout that takes nothing: what was done is told all the same, on stderr and by the exit code.

use std::process::Stdio;

use super::*;

/// Runs it with its stdout there.
fn into(home: &Home, stdout: impl Into<Stdio>, line: &[&str]) -> Ran {
    let began = Instant::now();
    let ran = home
        .command(CELLPHONE)
        .args(line)
        .stdin(Stdio::null())
        .stdout(stdout)
        .output()
        .unwrap();
    Ran {
        code: ran.status.code().unwrap(),
        out: String::new(),
        err: String::from_utf8(ran.stderr).unwrap(),
        took: began.elapsed(),
    }
}

fn full() -> std::fs::File {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    full.unwrap()
}

#[test]
fn a_message_that_could_not_be_printed_is_told_to_be_leased_and_how_to_get_it() {
    for format in ["table", "plain", "env", "json", "jsonl"] {
        let home = Home::new();
        home.ok(&["send", "agent-1", "one"]);
        let next = ["next", "--as", "agent-1", "--format", format];
        let ran = into(&home, full(), &next);
        assert_eq!(
            ran.code, 75,
            "{format}: it is leased, which is not nothing: {ran:?}"
        );
        let (message, hint) = if format.starts_with("json") {
            let told: Value = serde_json::from_str(&ran.err).unwrap();
            assert_eq!(told["outcome"], "unknown", "{format}");
            let text = |name: &str| told[name].as_str().unwrap().to_owned();
            (text("message"), text("hint"))
        } else {
            let (message, hint) = ran.err.split_once('\n').unwrap();
            (message.to_owned(), hint.to_owned())
        };
        let now = home.list(&["inbox", "agent-1"])[0].clone();
        assert_eq!(
            (&now["status"], &now["attempts"]),
            (&"read".into(), &1.into())
        );
        let leased = "agent-1/1 is leased to agent-1 until 2";
        assert!(message.contains(leased), "{format}: {message}");
        assert!(
            hint.contains("cellphone show agent-1/1;"),
            "{format}: {hint}"
        );
        // What the hint says to type gives it back.
        let (_, nack) = hint.split_once("cellphone nack ").unwrap();
        let nack: Vec<&str> = nack.split_whitespace().collect();
        let mut line = vec!["nack", "--as", "agent-1"];
        line.extend(nack);
        home.ok(&line);
        let again = home.ok(&["next", "--as", "agent-1", "--json"]);
        assert_eq!(again.json()["content"], "one");
        home.assert_well("all of it");
    }
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    for format in ["table", "env", "json"] {
        let home = Home::new();
        home.ok(&["send", "agent-1", "one"]);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = into(
            &home,
            writer,
            &["next", "--as", "agent-1", "--format", format],
        );
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{format}");
    }
}

//! The engines that need a network, over TLS through a proxy, against both services on loopback (`tests/speech`).

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::discord::{Helper, python};
use crate::home::{Home, Ran, VOICE, checkout, has_tool, path, run};

/// With what XML and JSON would take for their own.
const TEXT: &str = "Agents & tasks: 3 < 4 > 2, 'one' \"two\", über; </voice> [\"null\"] \\n.";

struct Net {
    home: Home,
    fake: Helper,
    place: tempfile::TempDir,
}

impl Net {
    /// `None`: what it takes is not here, which counts as a failure.
    fn new() -> Option<Self> {
        if !["openssl", "espeak-ng", "lame"].into_iter().all(has_tool) {
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        let fake = Helper::start("../speech/fake.py", &[path(place.path())])?;
        let home = Home::new();
        Some(Self { home, fake, place })
    }

    fn control(&self, args: &[&str], what: &str) -> Value {
        let mut curl = Command::new("curl");
        curl.args(["-s", "--noproxy", "*"]).args(args);
        let said = run(curl.arg(format!("{}/_control/{what}", self.fake.url)), b"");
        said.json()
    }

    fn journal(&self) -> Vec<Value> {
        self.control(&[], "journal").as_array().unwrap().clone()
    }

    fn faulty(&self, fault: &Value) {
        self.control(&["--data-binary", &fault.to_string()], "fault");
    }

    /// As it is installed: it is told of the proxy and of whom to trust by its environment alone.
    fn voice(&self, args: &[&str], input: &str) -> Ran {
        run(self.command().args(args), input.as_bytes())
    }

    fn command(&self) -> Command {
        let proxy = self.control(&[], "proxy");
        let mut command = self.home.command(VOICE);
        command
            .env("HTTPS_PROXY", proxy["url"].as_str().unwrap())
            .env("SSL_CERT_FILE", proxy["authority"].as_str().unwrap());
        command
    }

    fn generated(&self, engine: &str, text: &str, more: &[&str]) -> Ran {
        let args = ["generate", "-", "--output", "said.mp3", "--engine", engine];
        self.voice(&[&args, more].concat(), text)
    }

    fn file(&self) -> PathBuf {
        self.home.dir.join("said.mp3")
    }

    fn strangers(&self) -> String {
        std::fs::read_to_string(self.place.path().join("strangers")).unwrap_or_default()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.control(&[], "unknown"), json!([]));
            assert_eq!(self.strangers(), "", "somebody else was contacted");
        }
    }
}

fn is_mp3(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, second, ..] if *second >= 0xe0)
}

/// What was said, without the blanks at which it is cut.
fn joined<'a>(pieces: impl Iterator<Item = &'a Value>) -> String {
    let words = pieces.flat_map(|it| it["text"].as_str().unwrap().split_whitespace());
    words.collect::<Vec<_>>().concat()
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn edge_says_all_of_a_text() {
    let Some(net) = Net::new() else { return };
    let ran = net.generated(
        "edge",
        TEXT,
        &["--voice", "en-GB-SoniaNeural", "--rate", "120"],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let short = std::fs::read(net.file()).unwrap();
    assert!(is_mp3(&short));
    let journal = net.journal();
    let turn = &journal[0]["turns"][0];
    assert_eq!(turn["text"], TEXT);
    assert_eq!(turn["voice"], "en-GB-SoniaNeural");
    assert_eq!(
        turn["rate"].as_str().unwrap().trim_start_matches('+'),
        "20%"
    );
    assert_eq!(turn["bytes"], short.len(), "all that was sent");

    let long = "This sentence, with & in it, is said again and again. ".repeat(60);
    let ran = net.generated("edge", &long, &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let all = std::fs::read(net.file()).unwrap();
    let journal = net.journal();
    let turns: Vec<&Value> = journal[1..]
        .iter()
        .flat_map(|it| it["turns"].as_array().unwrap())
        .collect();
    assert!(turns.len() > 2, "{}", turns.len());
    let sent: u64 = turns.iter().map(|it| it["bytes"].as_u64().unwrap()).sum();
    assert_eq!(sent, all.len() as u64);
    assert_eq!(joined(turns.into_iter()), without_blanks(&long));
}

#[test]
fn gtts_says_all_of_a_text() {
    let Some(net) = Net::new() else { return };
    let long = format!("{TEXT} ").repeat(6);
    let ran = net.generated("gtts", &long, &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(is_mp3(&std::fs::read(net.file()).unwrap()));
    let journal = net.journal();
    assert!(journal.len() > 4, "{}", journal.len());
    assert!(
        journal
            .iter()
            .all(|it| it["voice"] == "en" && it["rate"] == "normal")
    );
    assert_eq!(joined(journal.iter()), without_blanks(&long));
    let normal = std::fs::metadata(net.file()).unwrap().len();
    let ran = net.generated("gtts", &long, &["--rate", "60"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(std::fs::metadata(net.file()).unwrap().len() > normal);
}

#[test]
fn the_voices_of_edge_are_listed() {
    let Some(net) = Net::new() else { return };
    let ran = net.voice(&["list", "--engine", "edge", "--json"], "");
    assert_eq!(ran.code, 0, "{ran:?}");
    let voices = ran.json()["voices"].as_array().unwrap().clone();
    let sonia = voices.iter().find(|it| it["name"] == "en-GB-SoniaNeural");
    assert_eq!(sonia.unwrap()["language"], "en-GB");
    let ran = net.voice(&["test", "--engine", "gtts"], "");
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn what_goes_wrong_there_is_an_error_and_leaves_no_file() {
    let Some(net) = Net::new() else { return };
    for engine in ["edge", "gtts"] {
        for fault in [
            json!({"status": 403}),
            json!({"status": 503}),
            json!({"silent": true}),
            json!({"cut": true}),
        ] {
            let mut planted = fault.clone();
            planted["match"] = "* *".into();
            net.faulty(&planted);
            let ran = net.generated(engine, TEXT, &[]);
            assert_eq!(ran.code, 69, "{engine}, {fault}: {ran:?}");
            let said = format!("error: {engine}: ");
            assert!(ran.err.starts_with(&said), "{engine}, {fault}: {ran:?}");
            assert!(!net.file().exists(), "{engine}, {fault}");
        }
    }
    for engine in ["edge", "gtts"] {
        let ran = net.generated(engine, TEXT, &["--voice", "xx"]);
        assert_eq!(ran.code, 69, "{engine}: {ran:?}");
        let ran = net.generated(engine, TEXT, &[]);
        assert_eq!(ran.code, 0, "it was not for long: {ran:?}");
        std::fs::remove_file(net.file()).unwrap();
    }
}

#[test]
fn whom_nobody_trusts_hears_nothing() {
    let Some(net) = Net::new() else { return };
    for engine in ["edge", "gtts"] {
        let mut command = net.command();
        command.env_remove("SSL_CERT_FILE");
        command.args(["generate", TEXT, "-o", "said.mp3", "--engine", engine]);
        let ran = run(&mut command, b"");
        assert_eq!(ran.code, 69, "{engine}: {ran:?}");
        assert!(!net.file().exists());
    }
    assert_eq!(net.journal(), Vec::<Value>::new());
}

#[test]
fn what_edge_says_waits_for_the_voice_channel() {
    let Some(net) = Net::new() else { return };
    std::fs::write(net.home.dir.join("config/voice.yaml"), "engine: edge\n").unwrap();
    let ran = net.voice(&["enqueue", "**the** build is done", "--json"], "");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(net.journal()[0]["turns"][0]["text"], "the build is done.");
    let name = ran.json()["name"].as_str().unwrap().to_owned();
    let file = net.home.dir.join("runtime/voice_queue").join(name);
    assert!(is_mp3(&std::fs::read(file).unwrap()));
}

/// edge-tts and gTTS, which nobody here wrote, take the fake for the services.
#[test]
fn the_fake_is_accepted_by_those_who_know_the_services() {
    let Some(python) = python() else { return };
    let mut foreign = Command::new(python);
    let ran = run(foreign.arg(checkout().join("tests/speech/foreign.py")), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
}

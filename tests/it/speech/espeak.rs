//! The engine that is always there.

use super::Sound;
use crate::home::{Home, Ran, VOICE, has_tool, run};

const TEXT: &str = "The quick brown fox jumps over the lazy dog.";

fn generated(home: &Home, args: &[&str]) -> (Ran, Sound) {
    let mut command = home.command(VOICE);
    command.args(["generate", TEXT, "--output", "said.wav", "--json"]);
    let ran = run(command.args(args), b"");
    let file = std::fs::read(home.dir.join("said.wav")).unwrap_or_default();
    (ran, Sound::of(&file))
}

#[test]
fn a_text_becomes_a_file_of_its_length_that_is_heard() {
    if !has_tool("espeak-ng") {
        return;
    }
    let home = Home::new();
    let (ran, sound) = generated(&home, &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let file = std::fs::read(home.dir.join("said.wav")).unwrap();
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(&file[22..24], [1, 0], "one channel");
    assert_eq!(&file[34..36], [16, 0], "bits");
    assert_eq!(number(24), 22_050);
    assert_eq!(number(4) as usize, file.len() - 8);
    assert_eq!(number(40) as usize, file.len() - 44);
    assert!((1.5..6.0).contains(&sound.seconds()), "{}", sound.seconds());
    assert!(sound.rms() > 500.0, "{}", sound.rms());
    let said = ran.json();
    assert_eq!(said["bytes"], file.len());
    assert!((said["seconds"].as_f64().unwrap() - sound.seconds()).abs() < 0.01);

    let (_, fast) = generated(&home, &["--rate", "200"]);
    let ratio = fast.seconds() / sound.seconds();
    assert!((0.4..0.7).contains(&ratio), "{ratio}");
    let left = std::fs::read_dir(&home.dir).unwrap();
    let left = left.filter(|it| it.as_ref().unwrap().file_type().unwrap().is_file());
    assert_eq!(left.count(), 1, "nothing is left beside it");
}

#[test]
fn what_the_settings_say_is_the_default_and_one_voice_is_not_for_all_engines() {
    if !has_tool("espeak-ng") {
        return;
    }
    let home = Home::new();
    let (_, usual) = generated(&home, &[]);
    let settings = home.dir.join("config/voice.yaml");
    std::fs::write(&settings, "engine: espeak-ng\nvoice: de\nrate: 200\n").unwrap();
    let (_, fast) = generated(&home, &[]);
    assert!(fast.seconds() < 0.8 * usual.seconds());
    std::fs::write(&settings, "engine: edge\nvoice: en-US-GuyNeural\n").unwrap();
    let (ran, _) = generated(&home, &["--engine", "espeak-ng"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    std::fs::write(&settings, "engine: siri\n").unwrap();
    let (ran, _) = generated(&home, &[]);
    assert_eq!(ran.code, 78, "{ran:?}");
}

#[test]
fn an_unknown_voice_is_refused_and_leaves_no_file() {
    if !has_tool("espeak-ng") {
        return;
    }
    let home = Home::new();
    let (ran, _) = generated(&home, &["--voice", "tlh-xx"]);
    assert_eq!(ran.code, 66, "{ran:?}");
    assert!(!home.dir.join("said.wav").exists());
}

#[test]
fn standard_output_and_a_device_are_written_to_and_a_link_stays_a_link() {
    if !has_tool("espeak-ng") {
        return;
    }
    let home = Home::new();
    let voice = |args: &[&str]| {
        let ran = run(home.command(VOICE).args(args), TEXT.as_bytes());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran
    };
    let out = voice(&["generate", "-", "--output", "-"]).out;
    assert!(out.starts_with("RIFF"));
    voice(&["generate", "-", "--output", "/dev/null"]);
    std::fs::write(home.dir.join("there.wav"), "old").unwrap();
    let link = home.dir.join("link.wav");
    std::os::unix::fs::symlink("there.wav", &link).unwrap();
    voice(&["generate", "-", "--output", "link.wav"]);
    assert!(link.is_symlink());
    let there = std::fs::read(home.dir.join("there.wav")).unwrap();
    assert!(there.starts_with(b"RIFF"));
}

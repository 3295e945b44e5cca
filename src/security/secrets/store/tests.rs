use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use secrecy::ExposeSecret as _;

use super::super::{Identity, Unopened, unlock, unlock_or_make};
use super::*;
use crate::names::{Explain as _, Kind};
use crate::store::files_below;

const CANARY: &str = "canary-in-the-mine-4711";
const NOW: Timestamp = Timestamp::from_unix_ms(1_600_000_000_000);
const CHILD: &str = "DREAMOS_TEST_SECRETS_CHILD";

/// A home, and the key file of its user beside it.
struct Ground {
    dir: PathBuf,
    home: Home,
    key_file: PathBuf,
}

impl Ground {
    fn new(place: &Path) -> Self {
        let home = Home::at(place.join("home"));
        fs::create_dir_all(home.dir().join("runtime")).unwrap();
        Self {
            dir: place.into(),
            home,
            key_file: place.join("user/dreamos/secrets.key"),
        }
    }

    fn set(&self, name: &str, value: &str) {
        let unlock = unlock_or_make(&self.home, &self.key_file, NOW).unwrap();
        set(&self.home, &named(name), &value.into(), None, &unlock, NOW).unwrap();
    }

    fn get(&self, name: &str) -> Result<String, Error> {
        self.get_with(name, &unlock(&self.key_file)?)
    }

    fn get_with(&self, name: &str, unlock: &Unlock) -> Result<String, Error> {
        let value = get(&self.home, &named(name), unlock)?;
        Ok(value.expose_secret().to_owned())
    }

    fn rotate(&self) {
        let unlock = unlock(&self.key_file).unwrap();
        rotate_key(&self.home, &unlock, NewKey::File(&self.key_file), NOW).unwrap();
    }

    fn store(&self) -> Vec<u8> {
        fs::read(self.home.secret_store()).unwrap()
    }

    /// Runs the test `name` of this program again, as a process of its own.
    fn spawn(&self, name: &str, word: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                &format!("security::secrets::store::tests::{name}"),
            ])
            .env(CHILD, format!("{word}:{}", self.dir.display()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }
}

fn as_child() -> Option<(String, Ground)> {
    let told = std::env::var(CHILD).ok()?;
    let (word, dir) = told.split_once(':')?;
    Some((word.into(), Ground::new(Path::new(dir))))
}

fn named(name: &str) -> SecretName {
    SecretName::parse(name).unwrap()
}

fn ground() -> (tempfile::TempDir, Ground) {
    let place = tempfile::tempdir().unwrap();
    let ground = Ground::new(place.path());
    (place, ground)
}

/// The files below that hold the text.
fn holding(dir: &Path, text: &str) -> Vec<PathBuf> {
    let mut files = files_below(dir).unwrap();
    files.retain(|file| {
        let bytes = fs::read(file).unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    });
    files
}

#[test]
fn what_is_set_is_got_listed_and_removed() {
    let (_place, ground) = ground();
    let unlock = unlock_or_make(&ground.home, &ground.key_file, NOW).unwrap();
    assert!(list(&ground.home, &unlock).unwrap().is_empty());
    ground.set("b", "two\nlines");
    ground.set("a", "");
    let names: Vec<String> = list(&ground.home, &unlock)
        .unwrap()
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(ground.get("b").unwrap(), "two\nlines");
    remove(&ground.home, &named("b"), &unlock).unwrap();
    assert_eq!(ground.get("b").unwrap_err().kind(), Kind::Unknown);
    let again = remove(&ground.home, &named("b"), &unlock).unwrap_err();
    assert_eq!(again.to_string(), "there is no secret b");
    assert_eq!(ground.get("a").unwrap(), "");
}

#[test]
fn a_canary_is_in_no_file_no_error_and_nothing_that_debug_prints() {
    let (_place, ground) = ground();
    ground.set("bot", CANARY);
    ground.set("other", "x");
    ground.rotate();
    ground.set("bot", CANARY);
    let phrase: SecretString = "phrase-of-the-canary".into();
    let opened = unlock(&ground.key_file).unwrap();
    let value: SecretString = CANARY.into();
    let key = fs::read_to_string(&ground.key_file).unwrap();
    let secrets: Vec<&str> = key.lines().filter(|it| it.starts_with("AGE-")).collect();
    assert_eq!(secrets.len(), 2);
    let mut told = vec![format!(
        "{value:?} {opened:?} {:?}",
        NewKey::Passphrase(phrase.clone())
    )];
    let wrong = [
        Unlock::Passphrase(phrase),
        Unlock::Identity(vec![Identity::generate()]),
    ];
    for unlock in &wrong {
        let error = ground.get_with("bot", unlock).unwrap_err();
        told.push(format!("{error} {error:?} {:?} {unlock:?}", error.hint()));
    }
    told.push(format!("{:?}", list(&ground.home, &opened).unwrap()));
    let told = told.concat();
    for secret in secrets.iter().chain([&CANARY, &"phrase-of-the-canary"]) {
        assert!(!told.contains(secret), "{told}");
        assert_eq!(holding(ground.home.dir(), secret), Vec::<PathBuf>::new());
    }
    // The search finds what is there.
    fs::write(ground.home.dir().join("leak"), format!("x{CANARY}")).unwrap();
    assert_eq!(holding(&ground.dir, CANARY).len(), 1);
}

#[test]
fn a_store_that_is_cut_off_anywhere_gives_nothing_and_stays_as_it_is() {
    let (_place, ground) = ground();
    ground.set("bot", CANARY);
    let (whole, path) = (ground.store(), ground.home.secret_store());
    let unlock = unlock(&ground.key_file).unwrap();
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let got = ground.get_with("bot", &unlock).unwrap_err();
        let written = set(&ground.home, &named("b"), &"x".into(), None, &unlock, NOW);
        let rotated = rotate_key(&ground.home, &unlock, NewKey::Passphrase("x".into()), NOW);
        for error in [got, written.unwrap_err(), rotated.unwrap_err()] {
            assert_eq!(error.kind(), Kind::Corrupt, "{end}: {error}");
        }
        assert_eq!(ground.store(), whole[..end], "{end}");
    }
    fs::write(&path, b"\xff\xfe").unwrap();
    assert_eq!(ground.get("bot").unwrap_err().kind(), Kind::Corrupt);
    fs::write(&path, &whole).unwrap();
    assert_eq!(ground.get("bot").unwrap(), CANARY);
}

#[test]
fn whoever_has_another_key_changes_nothing() {
    let (_place, ground) = ground();
    ground.set("bot", CANARY);
    let before = ground.store();
    let other = Unlock::Identity(vec![Identity::generate()]);
    let (home, bot) = (&ground.home, named("bot"));
    for outcome in [
        get(home, &bot, &other).map(drop),
        set(home, &bot, &"x".into(), None, &other, NOW),
        remove(home, &bot, &other),
        rotate_key(home, &other, NewKey::File(&ground.key_file), NOW),
    ] {
        let error = outcome.unwrap_err();
        let is_wrong_key = matches!(
            error,
            Error::Unopened {
                why: Unopened::WrongKey,
                ..
            }
        );
        assert!(is_wrong_key, "{error}");
    }
    assert_eq!(ground.store(), before);
    assert_eq!(ground.get("bot").unwrap(), CANARY);
}

#[test]
fn a_key_that_is_lost_is_not_replaced_by_one_that_opens_nothing() {
    let (_place, ground) = ground();
    ground.set("bot", CANARY);
    let aside = ground.dir.join("aside");
    fs::rename(&ground.key_file, &aside).unwrap();
    let error = unlock_or_make(&ground.home, &ground.key_file, NOW).unwrap_err();
    assert!(matches!(error, Error::NoKeyFile { .. }), "{error}");
    assert!(!ground.key_file.exists());
    fs::rename(&aside, &ground.key_file).unwrap();
    assert_eq!(ground.get("bot").unwrap(), CANARY);
}

#[test]
fn after_a_rotation_the_old_key_opens_only_what_it_opened_before() {
    let (place, ground) = ground();
    let other = Ground {
        home: Home::at(place.path().join("other")),
        key_file: ground.key_file.clone(),
        dir: ground.dir.clone(),
    };
    fs::create_dir_all(other.home.dir().join("runtime")).unwrap();
    ground.set("bot", CANARY);
    other.set("bot", "of the other home");
    let old = unlock(&ground.key_file).unwrap();
    let before = ground.store();
    ground.rotate();
    assert!(ground.get_with("bot", &old).is_err());
    assert_eq!(ground.get("bot").unwrap(), CANARY);
    assert_eq!(other.get("bot").unwrap(), "of the other home");
    // Died between the two steps: the file has the new key, the store is as it was.
    fs::write(ground.home.secret_store(), before).unwrap();
    assert_eq!(ground.get("bot").unwrap(), CANARY);
    assert_eq!(ground.get_with("bot", &old).unwrap(), CANARY);
}

#[test]
fn a_store_goes_from_a_key_to_a_passphrase_and_back() {
    let (_place, ground) = ground();
    ground.set("bot", CANARY);
    assert_eq!(sealed_with(&ground.home).unwrap(), Some(SealedWith::Key));
    let phrase = || Unlock::Passphrase("correct horse".into());
    let key = unlock(&ground.key_file).unwrap();
    rotate_key(
        &ground.home,
        &key,
        NewKey::Passphrase("correct horse".into()),
        NOW,
    )
    .unwrap();
    assert_eq!(
        sealed_with(&ground.home).unwrap(),
        Some(SealedWith::Passphrase)
    );
    assert_eq!(ground.get_with("bot", &phrase()).unwrap(), CANARY);
    assert!(ground.get("bot").is_err());
    rotate_key(&ground.home, &phrase(), NewKey::File(&ground.key_file), NOW).unwrap();
    assert_eq!(ground.get("bot").unwrap(), CANARY);
}

#[test]
fn a_program_takes_the_variable_before_the_store_and_asks_for_no_key_then() {
    let (_place, ground) = ground();
    let bot = named("bot");
    let no_key = || -> Result<Unlock, Error> { panic!("no key is needed") };
    let read = |over: Option<&OsStr>, unlock: &dyn Fn() -> Result<Unlock, Error>| {
        let value = read_for_program(&ground.home, &bot, over, unlock)?;
        Ok::<_, Error>(value.expose_secret().to_owned())
    };
    let unset = read(None, &no_key).unwrap_err();
    assert!(unset.hint().unwrap().contains("DREAMOS_SECRET_BOT"));
    ground.set("bot", CANARY);
    assert_eq!(read(Some(OsStr::new("over")), &no_key).unwrap(), "over");
    let with_key = || unlock(&ground.key_file);
    assert_eq!(read(None, &with_key).unwrap(), CANARY);
    assert_eq!(read(Some(OsStr::new("")), &with_key).unwrap(), CANARY);
    let odd = OsString::from_vec(b"canary\xff".to_vec());
    let error = read(Some(&odd), &with_key).unwrap_err();
    assert_eq!(error.to_string(), "DREAMOS_SECRET_BOT is no UTF-8");
}

#[test]
fn many_writers_lose_nothing() {
    const WRITERS: usize = 4;
    const EACH: usize = 12;
    if let Some((word, ground)) = as_child() {
        for n in 0..EACH {
            ground.set(&format!("{word}_{n}"), &format!("value of {word} {n}"));
        }
        return;
    }
    let (_place, ground) = ground();
    // The first of them make the key file and the store at once.
    let writers: Vec<Child> = (0..WRITERS)
        .map(|n| ground.spawn("many_writers_lose_nothing", &format!("w{n}")))
        .collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let unlock = unlock(&ground.key_file).unwrap();
    let names: BTreeSet<String> = list(&ground.home, &unlock)
        .unwrap()
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    assert_eq!(names.len(), WRITERS * EACH);
    assert_eq!(ground.get("w3_11").unwrap(), "value of w3 11");
}

#[test]
fn whoever_is_killed_in_a_rotation_leaves_a_store_that_its_key_file_opens() {
    if let Some((_, ground)) = as_child() {
        loop {
            ground.rotate();
        }
    }
    let (_place, ground) = ground();
    ground.set("bot", CANARY);
    let keys = || {
        fs::read_to_string(&ground.key_file)
            .unwrap()
            .matches("AGE-")
            .count()
    };
    let mut rotations = 0;
    for round in 0..20 {
        let before = keys();
        let name = "whoever_is_killed_in_a_rotation_leaves_a_store_that_its_key_file_opens";
        let mut child = ground.spawn(name, "rotate");
        // Killed in a rotation, a little later each time: the file is written, then the store.
        while keys() == before {
            std::thread::yield_now();
        }
        for _ in 0..round * 4 {
            keys();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        rotations += keys() - before;
        assert_eq!(ground.get("bot").unwrap(), CANARY, "round {round}");
    }
    assert!(rotations >= 20);
    ground.rotate();
    let left = fs::read_dir(ground.home.secret_store().parent().unwrap()).unwrap();
    assert_eq!(left.count(), 2, "the store and its lock");
}

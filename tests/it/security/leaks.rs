//! Nothing secret is printed, logged, or passed in an argument or the environment: whatever a run leaves and shows is
//! searched for what it was given and for what it made.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use dreamos::names::{AgentId, Token};
use dreamos::security::keys::Pair;
use dreamos::security::secrets::{Identity, NewKey, Unlock};
use memchr::memmem;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::home::{CELLPHONE, Home, LOGCTL, METRICSD, Ran, SECCTL, has_tool, path, run};
use crate::lives::{AGENTCTL, Swarm, until};

/// What nobody should see, and the only files that may hold it.
struct Secret {
    what: &'static str,
    forms: Vec<Vec<u8>>,
    lies_in: Vec<PathBuf>,
}

impl Secret {
    fn new(what: &'static str, bytes: &[u8], lies_in: &[&Path]) -> Self {
        Self {
            what,
            forms: forms(bytes),
            lies_in: lies_in.iter().map(|path| path.to_path_buf()).collect(),
        }
    }

    /// Also as the bytes that it is the spelling of.
    fn or(mut self, bytes: &[u8]) -> Self {
        self.forms.extend(forms(bytes));
        self
    }

    fn is_in(&self, text: &[u8]) -> bool {
        let mut forms = self.forms.iter();
        forms.any(|form| memmem::find(text, form).is_some())
    }
}

/// As it is, in hexadecimal, and in base64 wherever in a longer text it stands.
fn forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes).to_lowercase().into_bytes();
    let mut forms = vec![bytes.to_vec(), text];
    for hex in [HEXLOWER, HEXUPPER] {
        forms.push(hex.encode(bytes).into_bytes());
    }
    for base64 in [BASE64_NOPAD, BASE64URL_NOPAD] {
        for before in 0..3 {
            let shifted = [&[0; 2][..before], bytes].concat();
            let spelled = base64.encode(&shifted).into_bytes();
            // What the bytes on either side have a part in says nothing.
            let first = (before * 8).div_ceil(6);
            forms.push(spelled[first..shifted.len() * 8 / 6].to_vec());
        }
    }
    forms
}

/// A home in use, and what anybody can see of the programs that use it.
struct Used {
    swarm: Swarm,
    /// The home and what lies beside it, a temporary directory and that of a user among it.
    place: PathBuf,
    traces: tempfile::TempDir,
    /// By what was seen: where first.
    seen: Mutex<BTreeMap<Vec<u8>, String>>,
}

impl Used {
    fn new(agents: &str) -> Self {
        let swarm = Swarm::new(agents);
        let place = swarm.home.dir.parent().unwrap().to_owned();
        for dir in ["tmp", "user"] {
            fs::create_dir(place.join(dir)).unwrap();
        }
        Self {
            swarm,
            place,
            traces: tempfile::tempdir().unwrap(),
            seen: Mutex::default(),
        }
    }

    fn home(&self) -> &Home {
        &self.swarm.home
    }

    fn private(&self, name: &str, text: &str) -> PathBuf {
        let file = self.place.join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.home().command(program);
        command.env("TMPDIR", self.place.join("tmp"));
        command.env("HOME", self.place.join("user"));
        command
    }

    fn see(&self, place: &str, text: Vec<u8>) {
        let mut seen = self.seen.lock().unwrap();
        seen.entry(text).or_insert_with(|| place.to_owned());
    }

    /// Arguments and environments of what runs here at this moment.
    fn look(&self) {
        let marker = path(&self.place).as_bytes();
        for entry in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let (line, environment) = (read("cmdline"), read("environ"));
            let is_ours = |text: &[u8]| memmem::find(text, marker).is_some();
            if is_ours(&line) || is_ours(&environment) {
                self.see("arguments", line);
                self.see("an environment", environment);
            }
        }
    }

    /// Looks again and again, for as long as something is done.
    fn while_watched<T>(&self, something: impl FnOnce() -> T) -> T {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    self.look();
                    std::thread::yield_now();
                }
            });
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(something));
            is_over.store(true, Ordering::Relaxed);
            done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A program, and a note in the file `trace` of all that it executes: no process is too short for that.
    fn traced(&self, program: &str, trace: &Path) -> Command {
        if !has_tool("strace") {
            return self.command(program);
        }
        let mut command = self.command("strace");
        command.args(["-f", "-qq", "-v", "-s", "1000000", "-e", "trace=execve"]);
        command.args(["-o", path(trace), program]);
        command
    }

    fn see_trace(&self, trace: &Path) {
        // Without strace there is none.
        if let Ok(text) = fs::read(trace) {
            self.see("what was executed", text);
        }
    }

    /// What it prints is not seen yet.
    fn speak(&self, program: &str, line: &str, input: &str, envs: &[(&str, &Path)]) -> Ran {
        let trace = self.traces.path().join("trace");
        let mut command = self.traced(program, &trace);
        command.args(line.split_whitespace());
        let ran = run(command.envs(envs.iter().copied()), input.as_bytes());
        self.see_trace(&trace);
        ran
    }

    /// The same, and what it prints is for everybody.
    fn says(&self, program: &str, line: &str, code: i32, input: &str, envs: &[(&str, &Path)]) {
        for more in ["", " --json", " -vv"] {
            let ran = self.speak(program, &format!("{line}{more}"), input, envs);
            assert_eq!(ran.code, code, "{line}{more}: {ran:?}");
            self.see(&format!("stdout of {line}"), ran.out.into_bytes());
            self.see(&format!("stderr of {line}"), ran.err.into_bytes());
            if code == 0 && !line.contains("list") {
                return;
            }
        }
    }

    fn ok(&self, line: &str, input: &str) {
        self.says(SECCTL, line, 0, input, &[]);
    }

    /// A command that has read its input, and waits for more of it when it is looked at.
    fn held(&self, mut command: Command, input: &str) -> Child {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.as_mut().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        until("its input is read", || {
            rustix::io::ioctl_fionread(&*stdin).unwrap() == 0
        });
        self.look();
        assert!(child.try_wait().unwrap().is_none(), "it waits for no more");
        child
    }

    fn let_go(&self, child: Child) {
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{done:?}");
        self.see("stdout", done.stdout);
        self.see("stderr", done.stderr);
    }

    /// Where a secret is that should not be there, in words.
    fn leaks(&self, secret: &Secret) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let shown = seen.iter().filter(|(text, _)| secret.is_in(text));
        let mut leaks: Vec<String> = shown
            .map(|(_, place)| format!("{} in {place}", secret.what))
            .collect();
        let holding = files(&self.place)
            .into_iter()
            .filter(|file| secret.is_in(&fs::read(file).unwrap()));
        for file in holding {
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            if !secret.lies_in.contains(&file) {
                leaks.push(format!("{} in {}", secret.what, file.display()));
            } else if mode & 0o077 != 0 {
                leaks.push(format!("{} is of mode {mode:o}", file.display()));
            }
        }
        leaks
    }

    fn assert_kept(&self, secrets: &[Secret]) {
        let leaks: Vec<String> = secrets.iter().flat_map(|it| self.leaks(it)).collect();
        assert!(leaks.is_empty(), "{}", leaks.join("\n"));
        for secret in secrets {
            for file in &secret.lies_in {
                assert!(secret.is_in(&fs::read(file).unwrap()), "{}", secret.what);
            }
        }
    }
}

/// The plain ones below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found
}

fn mkfifo(file: &Path) {
    assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
}

/// The words of a file that begin like this.
fn words(file: &Path, prefix: &str) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let words = text.split_whitespace().filter(|it| it.starts_with(prefix));
    words.map(str::to_owned).collect()
}

fn member(file: &Path, name: &str) -> String {
    let document: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    document[name].as_str().unwrap().to_owned()
}

const AGE_KEY: &str = "AGE-SECRET-KEY-1";

#[test]
fn a_secret_of_the_store_and_what_opens_it_are_seen_by_nobody() {
    let used = Used::new("agent-1: {}\ncaptain: {}");
    let (first, second) = ("hunter2-hunter2-first", "hunter2-hunter2-second");
    let (pass, wrong) = ("correct-horse-battery", "wrong-donkey-capacitor");
    let secrets = used.while_watched(|| {
        let mut set = used.command(SECCTL);
        set.args(["secret", "set", "login"]);
        used.let_go(used.held(set, first));
        let key = used.place.join("user/.config/dreamos/secrets.key");
        used.ok("secret set other --note mine", second);
        used.ok("secret set login", first);
        used.ok("secret list", "");
        let revealed = used.speak(SECCTL, "secret get login --reveal", "", &[]);
        assert_eq!(revealed.out, format!("{first}\n"));
        used.see("stderr of get", revealed.err.into_bytes());
        used.says(SECCTL, "secret get login", 2, "", &[]);
        used.says(SECCTL, "secret get missing --reveal", 66, "", &[]);
        // With a key that does not fit, and with one that is none.
        let foreign = Identity::generate().spell();
        let foreign_key = used.private("foreign.key", foreign.expose_secret());
        let broken = "AGE-SECRET-KEY-1BROKENBROKENBROKEN";
        let broken_key = used.private("broken.key", &format!("# mine\n{broken}\n"));
        for key in [&foreign_key, &broken_key] {
            let named = [("DREAMOS_SECRETS_KEY_FILE", key.as_path())];
            for line in [
                "secret get login --reveal",
                "secret list",
                "secret set login",
                "secret rm login",
                "secret rotate",
            ] {
                let code = if *key == foreign_key { 77 } else { 78 };
                used.says(SECCTL, line, code, first, &named);
            }
        }
        used.ok("secret rotate", "");
        let keys = words(&key, AGE_KEY);
        assert_eq!(keys.len(), 2);
        by_passphrase(&used, first, pass, wrong);
        refused(&used, first);
        used.ok("secret rm login", "");
        let mut secrets = vec![
            Secret::new("the first secret", first.as_bytes(), &[]),
            Secret::new("the second secret", second.as_bytes(), &[]),
            Secret::new(
                "the passphrase",
                pass.as_bytes(),
                &[&used.place.join("pass")],
            ),
            Secret::new(
                "a wrong passphrase",
                wrong.as_bytes(),
                &[&used.place.join("wrong")],
            ),
            Secret::new(
                "a foreign key",
                foreign.expose_secret().as_bytes(),
                &[&foreign_key],
            ),
            Secret::new("what is no key", broken.as_bytes(), &[&broken_key]),
        ];
        // A key file never loses one.
        let keys = words(&key, AGE_KEY);
        assert_eq!(keys.len(), 3);
        let of_store = |text: &String| Secret::new("a key of the store", text.as_bytes(), &[&key]);
        secrets.extend(keys.iter().map(of_store));
        secrets
    });
    used.assert_kept(&secrets);
}

fn by_passphrase(used: &Used, secret: &str, pass: &str, wrong: &str) {
    let file = used.private("pass", pass);
    let wrong = used.private("wrong", wrong);
    let variable = "DREAMOS_PASSPHRASE_FILE";
    used.says(
        SECCTL,
        "secret rotate --passphrase",
        0,
        "",
        &[("DREAMOS_NEW_PASSPHRASE_FILE", &file)],
    );
    // It has the passphrase, and waits for the end of it.
    let pipe = used.place.join("pipe");
    mkfifo(&pipe);
    let mut writer = fs::File::options()
        .read(true)
        .write(true)
        .open(&pipe)
        .unwrap();
    writer.write_all(pass.as_bytes()).unwrap();
    let mut get = used.command(SECCTL);
    get.args(["secret", "get", "login", "--reveal"]);
    let get = get.env(variable, &pipe).stdout(Stdio::piped());
    let child = get.spawn().unwrap();
    until("the passphrase is read", || {
        rustix::io::ioctl_fionread(&writer).unwrap() == 0
    });
    used.look();
    drop(writer);
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.stdout, format!("{secret}\n").into_bytes());
    fs::remove_file(pipe).unwrap();
    let line = "secret get login --reveal";
    let ran = used.speak(SECCTL, line, "", &[(variable, &wrong)]);
    assert_eq!((ran.code, ran.out.as_str()), (77, ""), "{ran:?}");
    used.see("stderr of get", ran.err.into_bytes());
    used.says(SECCTL, line, 2, "", &[]);
    used.says(SECCTL, "secret set login", 0, secret, &[(variable, &file)]);
    used.says(SECCTL, "secret rotate", 0, "", &[(variable, &file)]);
}

/// Whoever may not, and what a policy that nobody can read makes of whoever may.
fn refused(used: &Used, secret: &str) {
    for line in [
        "secret get login --reveal",
        "secret list",
        "secret set login",
        "secret rm login",
        "secret rotate",
    ] {
        used.says(SECCTL, &format!("{line} --as agent-1"), 77, secret, &[]);
    }
    used.home().obey("limits: [nonsense");
    used.says(SECCTL, "secret get login --reveal", 78, "", &[]);
    used.says(SECCTL, "secret set login", 78, secret, &[]);
    fs::remove_file(used.home().policies()).unwrap();
    for (program, line) in [
        (SECCTL, "audit list"),
        (SECCTL, "audit verify"),
        (SECCTL, "audit anchor"),
        (LOGCTL, "tail -n 1000"),
        (METRICSD, "export"),
        (CELLPHONE, "inbox captain"),
        (AGENTCTL, "list"),
        (AGENTCTL, "doctor"),
    ] {
        let ran = used.speak(program, line, "", &[]);
        assert!(matches!(ran.code, 0 | 1), "{line}: {ran:?}");
        used.see(line, [ran.out, ran.err].concat().into_bytes());
    }
}

#[test]
fn tokens_and_keys_are_seen_by_nobody() {
    let used = Used::new(
        "agent-1:
  command: 'cellphone send agent-2 hello; read line < go'
  cwd: life
agent-2: {}
captain: {}",
    );
    let life = used.home().dir.join("life");
    fs::create_dir(&life).unwrap();
    mkfifo(&life.join("go"));
    let secrets = used.while_watched(|| {
        let mut secrets = of_keys(&used);
        secrets.extend(of_tokens(&used));
        secrets
    });
    used.assert_kept(&secrets);
}

/// What an agent signs and opens mail with, from its first key to its last.
fn of_keys(used: &Used) -> Vec<Secret> {
    let file = used.home().dir.join("runtime/keys/agent-1.json");
    let mut secrets = Vec::new();
    for line in ["keys make agent-1", "keys rotate agent-1"] {
        used.ok(line, "");
        let seed = member(&file, "ed25519_seed");
        let bytes = BASE64.decode(seed.as_bytes()).unwrap();
        secrets.push(Secret::new("a signing key", seed.as_bytes(), &[]).or(&bytes));
        let signed = "send agent-2 signed --as agent-1 --force";
        used.says(CELLPHONE, signed, 0, "", &[]);
    }
    secrets.last_mut().unwrap().lies_in.push(file.clone());
    let identity = member(&file, "age_identity");
    secrets.push(Secret::new(
        "what opens mail",
        identity.as_bytes(),
        &[&file],
    ));
    used.says(CELLPHONE, "inbox agent-2", 0, "", &[]);
    used.ok("keys list", "");
    // By mistake, and once it is torn.
    let import = format!("keys import {}", file.display());
    used.says(SECCTL, &import, 2, "", &[]);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 4]).unwrap();
    let unsigned = "send agent-2 unsigned --as agent-1 --force";
    used.says(CELLPHONE, unsigned, 65, "", &[]);
    used.says(SECCTL, "keys rotate agent-1", 65, "", &[]);
    fs::write(&file, &whole).unwrap();
    used.says(SECCTL, "keys make agent-1", 73, "", &[]);
    used.says(SECCTL, "keys rotate agent-1 --as agent-2", 77, "", &[]);
    secrets
}

/// Issued, shown by mistake, and that of a life.
fn of_tokens(used: &Used) -> Vec<Secret> {
    let secret = |what, file: &Path| {
        let text = member(file, "secret");
        let bytes = HEXLOWER.decode(text.as_bytes()).unwrap();
        Secret::new(what, text.as_bytes(), &[file]).or(&bytes)
    };
    let out = used.place.join("agent-2.token");
    let issue = format!("token issue agent-2 --out {}", out.display());
    used.ok(&issue, "");
    let mut secrets = vec![secret("a token", &out)];
    used.says(SECCTL, &issue, 73, "", &[]);
    let broken_text = "0123456789abcdef-no-token-of-anybody";
    let broken = used.private("broken.token", &format!("{{\"secret\":\"{broken_text}\"}}"));
    secrets.push(Secret::new(
        "what is no token",
        broken_text.as_bytes(),
        &[&broken],
    ));
    used.home().obey("identity: required\n");
    let send = "send agent-1 hello --force --as agent-2";
    for (token, code) in [(&out, 0), (&broken, 77)] {
        used.says(
            CELLPHONE,
            send,
            code,
            "",
            &[("DREAMOS_TOKEN_FILE", token.as_path())],
        );
    }
    let foreign = send.replace("agent-2", "agent-1");
    used.says(
        CELLPHONE,
        &foreign,
        77,
        "",
        &[("DREAMOS_TOKEN_FILE", out.as_path())],
    );
    // Its tracer is there as long as it is.
    let trace = used.traces.path().join("life");
    let mut start = used.traced(AGENTCTL, &trace);
    let printed = fs::File::create(used.traces.path().join("printed")).unwrap();
    start
        .args(["start", "agent-1"])
        .stdout(printed.try_clone().unwrap())
        .stderr(printed);
    let mut start = start.spawn().unwrap();
    let mail = used.home().face("agent-2");
    until("it speaks", || {
        fs::read_to_string(&mail).is_ok_and(|text| text.contains("\"hello\""))
    });
    used.look();
    let token = used.swarm.file("agent-1", "token");
    let mut of_life = secret("the token of a life", &token);
    used.says(AGENTCTL, "stop agent-1", 0, "", &[]);
    start.wait().unwrap();
    used.see_trace(&trace);
    let printed = fs::read(used.traces.path().join("printed")).unwrap();
    assert!(!printed.is_empty());
    used.see("what start printed", printed);
    of_life.lies_in.clear();
    secrets.push(of_life);
    used.says(SECCTL, "token revoke agent-2", 0, "", &[]);
    used.says(
        CELLPHONE,
        send,
        77,
        "",
        &[("DREAMOS_TOKEN_FILE", out.as_path())],
    );
    secrets
}

/// The positive control: what is planted is found, whatever it was planted in.
#[test]
fn what_leaks_is_found() {
    let used = Used::new("agent-1: {}");
    let canary = "canary-canary-canary";
    let secret = Secret::new("the canary", canary.as_bytes(), &[]);
    used.ok("secret set login", canary);
    assert_eq!(used.leaks(&secret), [""; 0]);
    // In a file, however it is spelled and wherever it stands.
    let planted = used.home().dir.join("runtime/logs/planted");
    for before in ["", "a", "ab", "abc"] {
        let text = format!("{before}{canary} and more");
        for spelled in [
            text.clone(),
            BASE64.encode(text.as_bytes()),
            BASE64URL_NOPAD.encode(text.as_bytes()),
            HEXLOWER.encode(text.as_bytes()),
            HEXUPPER.encode(text.as_bytes()),
        ] {
            fs::write(&planted, &spelled).unwrap();
            let found = format!("the canary in {}", planted.display());
            assert_eq!(used.leaks(&secret), [found], "{spelled}");
        }
    }
    // Where it may lie, but others may read it.
    let mut allowed = Secret::new("the canary", canary.as_bytes(), &[&planted]);
    fs::write(&planted, canary).unwrap();
    fs::set_permissions(&planted, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(used.leaks(&allowed).len(), 1);
    fs::remove_file(&planted).unwrap();
    allowed.lies_in.clear();
    // In a stream of a program of ours.
    let found = |what: &str| {
        let found = used.leaks(&secret);
        let is_found = found.iter().any(|it| it.contains(what));
        used.seen.lock().unwrap().clear();
        assert!(is_found, "{what}: {found:?}");
        assert_eq!(used.leaks(&allowed), [""; 0]);
    };
    used.says(SECCTL, "secret get login --reveal", 0, "", &[]);
    found("stdout of secret get");
    used.says(SECCTL, &format!("secret get {canary}"), 2, "", &[]);
    found("stderr of secret get");
    // In an argument and in the environment of a process of another, which waits.
    let mut shell = used.command("sh");
    shell.args(["-c", "read line; read line", "sh", canary]);
    let child = used.held(shell, "go\n");
    ended(child);
    found("arguments");
    let mut shell = used.command("sh");
    shell.args(["-c", "read line; read line"]);
    shell.env("LOGIN", canary);
    let child = used.held(shell, "go\n");
    ended(child);
    found("an environment");
    // In one that is gone before anybody can look.
    if has_tool("strace") {
        used.speak("true", canary, "", &[]);
        found("what was executed");
        let named = [("LOGIN", Path::new(canary))];
        used.speak("true", "", "", &named);
        found("what was executed");
    }
}

fn ended(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// As a panic would show it.
#[test]
fn what_holds_a_secret_shows_nothing_of_it() {
    let canary = "canary-canary-canary";
    let of_text = Secret::new("the canary", canary.as_bytes(), &[]);
    let text = || SecretString::from(canary);
    let place = tempfile::tempdir().unwrap();
    let pair = Pair {
        identity: text(),
        recipient: "age1".into(),
    };
    for shown in [
        format!("{:?}", text()),
        format!("{:?}", Unlock::Passphrase(text())),
        format!("{:?}", NewKey::Passphrase(text())),
        format!("{:?}", NewKey::File(place.path())),
        format!("{pair:?}"),
    ] {
        assert!(!of_text.is_in(shown.as_bytes()), "{shown}");
    }
    let identity = Identity::generate();
    let spelled = identity.spell();
    let of_key = Secret::new("a key", spelled.expose_secret().as_bytes(), &[]);
    let unlock = Unlock::Identity(vec![identity]);
    assert!(!of_key.is_in(format!("{unlock:?}").as_bytes()));
    let token = Token::new(AgentId::captain(), None, [u128::MAX / 7, 1]);
    let of_token = Secret::new("a token", token.secret().as_bytes(), &[]);
    assert!(!of_token.is_in(format!("{token:?}").as_bytes()));
    assert!(
        of_token.is_in(token.to_text().as_bytes()),
        "the search works"
    );
}

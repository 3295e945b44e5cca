//! The bot from outside: the real program, over TLS and a websocket, against a Discord on loopback (`tests/discord`).

mod commands;
mod connection;
mod foreign;
mod mail;
mod voice;
mod watch;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::home::{Home, checkout, has_tool, path, run, skipped};

const TOKEN: &str = "NTAwMA.token-of-the-tests.that-no-log-may-show";
const OWNER: &str = "4001";
const OPERATOR: &str = "4002";
const STRANGER: &str = "4003";
const VIEWER: &str = "4004";
const GENERAL: &str = "2001";
const AGENTS: &str = "2002";
const ALERTS: &str = "2003";

/// The very program that is shipped, where `make test` has built it, and else that of this build.
fn discordbot() -> String {
    std::env::var("DREAMOS_SHIPPED_BOTS").map_or_else(
        |_| env!("CARGO_BIN_EXE_discordbot").into(),
        |dir| format!("{dir}/discordbot"),
    )
}

/// The people of the guild by their roles there.
const POLICY: &str = "\
roles:
  discord-viewer: ['discord:3001']
  discord-operator: ['discord:3002']
  discord-admin: ['discord:3003']
allow:
  - {rule: viewers, principals: 'role:discord-viewer', actions: discord.use}
  - rule: operators
    principals: role:discord-operator
    actions: [discord.use, mail.*, agent.look, agent.start, agent.stop, agent.beat, task.*]
  - {rule: admins, principals: 'role:discord-admin', actions: ['discord.*', 'mail.*', 'agent.*', 'task.*', audit.read, approval.give]}
";

/// With what `tests/requirements.txt` lists.
pub(crate) fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../venv/bin/python");
    (python.exists() || skipped("the venv of tests/requirements.txt")).then_some(python)
}

/// A program of the tests' own; it ends when its standard input does.
pub(crate) struct Helper {
    child: Child,
    pub(crate) url: String,
}

impl Helper {
    /// Once it says where it is.
    pub(crate) fn start(program: &str, args: &[&str]) -> Option<Self> {
        let mut child = Command::new(python()?)
            .arg(checkout().join("tests/discord").join(program))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let (_, url) = line.trim_end().split_once(" on ").unwrap();
        let url = url.to_owned();
        Some(Self { child, url })
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A Discord, what stands before it, and a home.
pub(crate) struct Guild {
    home: Home,
    fake: Helper,
    proxy: Helper,
    place: tempfile::TempDir,
}

impl Guild {
    fn new() -> Option<Self> {
        Self::with(&[])
    }

    fn with(options: &[&str]) -> Option<Self> {
        Self::of("fake.py", options, Home::new())
    }

    /// `None`: what it takes is not here, which counts as a failure.
    fn of(program: &str, options: &[&str], home: Home) -> Option<Self> {
        if !has_tool("openssl") {
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        let own = ["--token", TOKEN, "--voice", path(place.path())];
        let fake = Helper::start(program, &[&own[..], options].concat())?;
        let (_, port) = fake.url.rsplit_once(':').unwrap();
        let words = [port, path(place.path()), "discord.com"];
        let proxy = Helper::start("../loopback/tls.py", &words)?;
        home.obey(POLICY);
        let guild = Self {
            home,
            fake,
            proxy,
            place,
        };
        guild.configure("");
        Some(guild)
    }

    /// The settings, and `more` of them.
    fn configure(&self, more: &str) {
        let text = format!("guild: 1000\nmessage_content: true\n{more}");
        std::fs::write(self.home.dir.join("config/discord.yaml"), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(&discordbot());
        command
            .args(args)
            .env("HTTPS_PROXY", &self.proxy.url)
            .env("SSL_CERT_FILE", self.place.path().join("ca.pem"))
            .env("DISCORD_TOKEN", TOKEN);
        command
    }

    /// A bot that is connected.
    fn bot(&self) -> Bot {
        let ready = self.ask("gateway")["ready"].as_u64().unwrap();
        let bot = self.begin();
        self.ask(&format!("gateway?wait_ready={}&timeout=20", ready + 1));
        bot
    }

    fn begin(&self) -> Bot {
        self.begin_as(&mut self.command(&["run"]))
    }

    fn begin_as(&self, command: &mut Command) -> Bot {
        let err = self.place.path().join("bot.err");
        let child = command
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&err).unwrap())
            .spawn()
            .unwrap();
        Bot { child, err }
    }

    /// Of the fake; a wait in vain fails.
    fn ask(&self, what: &str) -> Value {
        self.control(&[], what)
    }

    fn tell(&self, what: &str, body: &Value) -> Value {
        self.control(&["--data-binary", &body.to_string()], what)
    }

    fn control(&self, args: &[&str], what: &str) -> Value {
        let url = format!("{}/_control/{what}", self.fake.url);
        let mut curl = Command::new("curl");
        let said = run(
            curl.args(["-s", "--noproxy", "*"]).args(args).arg(&url),
            b"",
        );
        let answer: Value = serde_json::from_str(&said.out)
            .unwrap_or_else(|error| panic!("{what}: {error}: {said:?}"));
        assert!(answer.get("error").is_none(), "{what}: {answer}");
        answer
    }

    /// A slash command of somebody: its name with the one below, and what was given.
    fn command_of(&self, user: &str, line: &str, given: &[(&str, Value)]) -> String {
        let made = self.tell("command", &asked(user, line, given, None));
        made["id"].as_str().unwrap().to_owned()
    }

    /// Its answer, once there is one with this in it.
    fn answer(&self, id: &str, contains: &str) -> Value {
        let contains = contains.replace(' ', "%20");
        self.ask(&format!(
            "interaction/{id}?wait=answered&contains={contains}&timeout=20"
        ))
    }

    /// The text of the answer to a command.
    fn says(&self, user: &str, line: &str, given: &[(&str, Value)]) -> String {
        let id = self.command_of(user, line, given);
        let answer = self.answer(&id, "");
        answer["original"]["content"].as_str().unwrap().to_owned()
    }

    /// The `custom_id` of the button with this label.
    fn button(answer: &Value, label: &str) -> String {
        let rows = answer["original"]["components"].as_array().unwrap();
        let mut all = rows
            .iter()
            .flat_map(|row| row["components"].as_array().unwrap());
        let found = all.find(|it| it["label"] == label);
        let found = found.unwrap_or_else(|| panic!("no {label}: {answer}"));
        found["custom_id"].as_str().unwrap().to_owned()
    }

    fn press(&self, user: &str, message: &str, custom_id: &str) -> String {
        let body = json!({"user": user, "message": message, "custom_id": custom_id});
        self.tell("button", &body)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What stands in a channel, once it is so many; in vain only when nothing more comes.
    fn messages(&self, channel: &str, count: usize) -> Vec<Value> {
        let mut so_far = 0;
        loop {
            so_far = (so_far + 500).min(count);
            let what = format!("messages/{channel}?wait_count={so_far}&timeout=60");
            if let (Value::Array(all), true) = (self.ask(&what), so_far == count) {
                return all;
            }
        }
    }

    fn say(&self, user: &str, channel: &str, content: &str) {
        let body = json!({"user": user, "channel": channel, "content": content});
        self.tell("message", &body);
    }

    fn audit(&self) -> String {
        std::fs::read_to_string(self.home.dir.join("runtime/audit/audit.jsonl")).unwrap_or_default()
    }

    /// Nothing was asked of Discord that there is not, nobody else was asked, and the token is in no file.
    fn assert_clean(&self) {
        assert_eq!(self.ask("unknown"), json!([]));
        assert!(!self.place.path().join("strangers").exists());
        let mut grep = Command::new("grep");
        let found = grep.args([
            "-rl",
            TOKEN,
            path(&self.home.dir),
            path(&self.place.path().join("bot.err")),
        ]);
        let found = found.output().unwrap();
        assert_eq!(
            String::from_utf8(found.stdout).unwrap(),
            "",
            "the token is there"
        );
    }
}

fn asked(user: &str, line: &str, given: &[(&str, Value)], focused: Option<&str>) -> Value {
    let kind = |name: &str, value: &Value| match value {
        Value::Bool(_) => 5,
        Value::Number(_) => 4,
        _ if name == "channel" => 7,
        _ => 3,
    };
    let options = given.iter().map(|(name, value)| {
        let mut option = json!({"name": name, "type": kind(name, value), "value": value});
        if focused == Some(name) {
            option["focused"] = true.into();
        }
        option
    });
    let mut options: Value = options.collect();
    let (name, below) = line.split_once(' ').unwrap_or((line, ""));
    if !below.is_empty() {
        options = json!([{"name": below, "type": 1, "options": options}]);
    }
    json!({"user": user, "channel": GENERAL, "name": name, "options": options})
}

/// As `/pair` shows it.
fn code(told: &str) -> &str {
    let mut words = told.split_whitespace();
    let code = words.find(|it| it.len() == 9 && it.as_bytes()[4] == b'-');
    code.unwrap_or_else(|| panic!("no code: {told}"))
}

/// A home in which a bot was.
pub(crate) fn used(dir: &Path) {
    let Some(guild) = Guild::of("fake.py", &[], Home::at(dir.to_owned())) else {
        return;
    };
    guild.configure("channels:\n  alerts: 2003\n");
    let _bot = guild.bot();
    let told = guild.says(STRANGER, "pair", &[]);
    let paired = run(
        guild
            .home
            .command(&discordbot())
            .args(["pair", code(&told)]),
        b"",
    );
    assert_eq!(paired.code, 0, "{paired:?}");
    guild.says(STRANGER, "pair", &[]);
    guild.says(OWNER, "channels assign", &[("agent", json!("agent-1"))]);
    guild.says(STRANGER, "agents", &[]);
    guild.says(OWNER, "voice", &[("rate", json!(110))]);
    guild.says(OWNER, "join", &[("channel", json!("2010"))]);
}

struct Bot {
    child: Child,
    err: PathBuf,
}

impl Bot {
    /// What it complained of.
    fn said(&self) -> String {
        std::fs::read_to_string(&self.err).unwrap()
    }

    /// How it ended by itself.
    fn exit(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        (code, self.said())
    }

    fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

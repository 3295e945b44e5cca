//! Edits of the text of `agents.yaml` that leave everything else as it stands: comments, order, indentation, keys
//! that nobody knows, line ends. Pure.
//!
//! Each edit is made twice: on the text, and on the values that the text stands for. Unless the new text stands for
//! the new values, is taken by both readers, and has every line that the edit was not about, the edit is refused
//! and the text stays. So a fault of the editor below costs an edit, never a configuration.
//!
//! A value is handed in as YAML (`10s`, `[a, b]`, `{A: 1}`), of which JSON is a part.

use std::path::{Path, PathBuf};

use serde_json::{Map as JsonMap, Value as Json};

use super::Error;
use super::keys::known_key;
use super::launch;
use super::parse::{self, Dialect, Value};
use super::tree::{all_kept, change_text, needs_escape};
use super::values::{change_values, plain};
use crate::names::{AgentId, Roster};

pub(super) const AGENTS: &str = "agents";

/// The text of a configuration that was whole when it was read, and is after every edit.
#[derive(Clone, Debug)]
pub struct Registry {
    path: PathBuf,
    text: String,
    roster: Roster,
}

/// What is asked for.
pub(super) enum Edit<'a> {
    Register(&'a AgentId, &'a [(&'a str, Value)]),
    Set(&'a AgentId, &'a [&'a str], &'a Value),
    Unset(&'a AgentId, &'a [&'a str]),
    Unregister(&'a AgentId),
    Rename(&'a AgentId, &'a AgentId),
}

impl Registry {
    /// `path` is only named in errors.
    pub(super) fn read(text: String, path: &Path) -> Result<Self, Error> {
        let roster = both_readers(&text, path)?;
        Ok(Self {
            path: path.into(),
            text,
            roster,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// A new agent with these keys and their values.
    pub fn register(&mut self, id: &AgentId, fields: &[(&str, &str)]) -> Result<(), Error> {
        self.roster
            .may_register(id, &[])
            .map_err(Error::CannotRegister)?;
        let fields = fields
            .iter()
            .map(|(key, value)| {
                known(&[key])?;
                Ok((*key, value_of(key, value)?))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        self.edit(&Edit::Register(id, &fields))
    }

    /// `key` may have a point: `backoff.max`.
    pub fn set(&mut self, id: &AgentId, key: &str, value: &str) -> Result<(), Error> {
        self.must_exist(id)?;
        let steps: Vec<&str> = key.splitn(2, '.').collect();
        known(&steps)?;
        self.edit(&Edit::Set(id, &steps, &value_of(key, value)?))
    }

    /// Takes a key away, one that nobody knows as well; one that is not there is away already.
    pub fn unset(&mut self, id: &AgentId, key: &str) -> Result<(), Error> {
        self.must_exist(id)?;
        let steps: Vec<&str> = key.splitn(2, '.').collect();
        refuse_id(&steps)?;
        self.edit(&Edit::Unset(id, &steps))
    }

    pub fn unregister(&mut self, id: &AgentId) -> Result<(), Error> {
        self.must_exist(id)?;
        self.edit(&Edit::Unregister(id))
    }

    /// The old id stays as an alias, so that mail and references still arrive.
    pub fn rename(&mut self, old: &AgentId, new: &AgentId) -> Result<(), Error> {
        self.must_exist(old)?;
        let mut others = self.roster.clone();
        others.agents.retain(|agent| agent.id != *old);
        others
            .may_register(new, &[])
            .map_err(Error::CannotRegister)?;
        self.edit(&Edit::Rename(old, new))
    }

    fn must_exist(&self, id: &AgentId) -> Result<(), Error> {
        match self.roster.entry(id) {
            Some(_) => Ok(()),
            None => Err(Error::NotRegistered { id: id.clone() }),
        }
    }

    fn edit(&mut self, edit: &Edit) -> Result<(), Error> {
        let refused = |why: &'static str| Error::NotEdited {
            path: self.path.clone(),
            why,
        };
        let mut meant = values(&self.text, &self.path)?;
        change_values(&mut meant, edit).ok_or_else(|| refused("it does not stand there"))?;
        let (mark, unmarked) = self
            .text
            .split_at(self.text.len() - unmarked(&self.text).len());
        let (edited, kept) = change_text(unmarked, edit)
            .ok_or_else(|| refused("it is written in a way that we can't edit"))?;
        let text = format!("{mark}{edited}");
        let roster = both_readers(&text, &self.path).map_err(|source| Error::BadEdit {
            source: Box::new(source),
        })?;
        if plain(values(&text, &self.path)?) != plain(meant) {
            return Err(refused("more would change than was asked for"));
        }
        if !all_kept(&kept, &edited) {
            return Err(refused("lines would be lost"));
        }
        self.text = text;
        self.roster = roster;
        Ok(())
    }
}

/// The original's list as ours, with all its keys: JSON is YAML.
pub(super) fn from_original(bytes: &[u8], json: &Path, yaml: &Path) -> Result<Registry, Error> {
    let roster = parse::roster(bytes, Dialect::Original, json)?;
    let text = parse::text(bytes, json)?;
    let whole = parse::json(unmarked(text)).map_err(|fault| fault.of(json))?;
    let (agents, others) = match whole {
        Json::Object(mut keys) => (keys.shift_remove(AGENTS).unwrap_or_default(), keys),
        agents => (agents, JsonMap::new()),
    };
    let agents: Vec<Json> = match agents {
        Json::Object(keyed) => keyed.into_iter().map(|(_, agent)| agent).collect(),
        Json::Array(listed) => listed,
        _ => Vec::new(),
    };
    let mut text = lines_of(&others, "");
    text.push_str("agents:\n");
    for (entry, agent) in roster.agents.iter().zip(agents) {
        let mut keys = agent.as_object().cloned().unwrap_or_default();
        keys.shift_remove("id");
        if let (Some(to), Some(written)) = (&entry.escalate_to, keys.get_mut("escalate_to")) {
            // Ours knows no capitals.
            *written = to.as_str().into();
        }
        text.push_str("  ");
        text.push_str(entry.id.as_str());
        text.push_str(":\n");
        text.push_str(&lines_of(&keys, "    "));
    }
    let registry = Registry::read(text, yaml)?;
    if registry.roster == roster {
        return Ok(registry);
    }
    Err(Error::NotEdited {
        path: json.into(),
        why: "it says something else in YAML",
    })
}

fn lines_of(keys: &JsonMap<String, Json>, indent: &str) -> String {
    keys.iter()
        .map(|(key, value)| match known_key(&[key]) {
            Ok(()) => format!("{indent}{key}: {value}\n"),
            Err(_) => format!("{indent}{}: {value}\n", Json::from(key.as_str())),
        })
        .collect()
}

fn both_readers(text: &str, path: &Path) -> Result<Roster, Error> {
    launch::read(text.as_bytes(), Dialect::Ours, path)?;
    parse::roster(text.as_bytes(), Dialect::Ours, path)
}

/// Without the mark that some editors put in front.
fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn values(text: &str, path: &Path) -> Result<Value, Error> {
    parse::yaml(unmarked(text)).map_err(|fault| fault.of(path))
}

fn value_of(key: &str, text: &str) -> Result<Value, Error> {
    parse::yaml(text).map_err(|fault| Error::BadValue {
        key: key.into(),
        why: fault.why,
    })
}

fn refuse_id(key: &[&str]) -> Result<(), Error> {
    match key {
        ["id"] => Err(Error::IdIsNoKey),
        _ => Ok(()),
    }
}

fn known(key: &[&str]) -> Result<(), Error> {
    refuse_id(key)?;
    known_key(key).map_err(|meant| Error::UnknownKey {
        key: key.join("."),
        // With the group that it was looked for in.
        meant: meant.map(|meant| [&key[..key.len() - 1], &[meant]].concat().join(".")),
    })
}

/// Words of a command line, as a value.
pub fn list(words: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    // All that JSON leaves as it is and YAML does not stands within a string, where both know the same escape.
    let escape = |c: char| {
        if needs_escape(c) {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.into()
        }
    };
    Json::from(words).to_string().chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::names::{Explain as _, Kind};

    fn id(text: &str) -> AgentId {
        AgentId::parse(text).unwrap()
    }

    fn registry(text: &str) -> Registry {
        Registry::read(text.into(), Path::new("agents.yaml")).unwrap()
    }

    fn edited(text: &str, edit: impl Fn(&mut Registry) -> Result<(), Error>) -> String {
        let mut registry = registry(text);
        edit(&mut registry).unwrap_or_else(|e| panic!("{e}\n{text}"));
        registry.text().to_owned()
    }

    /// What was asked for is refused, and the text stays.
    fn refused(text: &str, edit: impl Fn(&mut Registry) -> Result<(), Error>) -> Error {
        let mut registry = registry(text);
        let error = edit(&mut registry).unwrap_err();
        assert_eq!(registry.text(), text);
        error
    }

    const BLOCK: &str = "\
# top
version: 1

agents:
  # about a
  a:   # the a
    roles: [worker]   # r
    odd: {x: 1,
      y: 2}

  # about b
  b:
    roles:
    - x # c1
    # c2
    - y
    backoff:
        # c3
        max: 1m   # c4
    # tail of b

# the end
limits:
  within: 10m
";

    #[test]
    fn a_comment_survives_every_edit() {
        type Change = fn(&mut Registry) -> Result<(), Error>;
        let edits: [(Change, &[(&str, &str)]); 9] = [
            (
                |r| r.register(&id("c"), &[("roles", "x"), ("env", "{A: 1}")]),
                &[(
                    "    # tail of b\n",
                    "    # tail of b\n  c:\n    roles: x\n    env:\n      A: 1\n",
                )],
            ),
            (
                |r| r.set(&id("a"), "roles", "cook"),
                &[("[worker]", "cook")],
            ),
            (
                |r| r.set(&id("a"), "cwd", "a b"),
                &[("y: 2}\n", "y: 2}\n    cwd: a b\n")],
            ),
            (|r| r.set(&id("b"), "backoff.max", "9s"), &[("1m", "9s")]),
            (
                |r| r.set(&id("b"), "backoff.factor", "3"),
                &[("# c4\n", "# c4\n        factor: 3\n")],
            ),
            (
                |r| r.unset(&id("a"), "odd"),
                &[("    odd: {x: 1,\n      y: 2}\n", "")],
            ),
            (
                |r| r.unregister(&id("a")),
                &[(
                    "  a:   # the a\n    roles: [worker]   # r\n    odd: {x: 1,\n      y: 2}\n",
                    "",
                )],
            ),
            (
                |r| r.rename(&id("a"), &id("z")),
                &[("  a:", "  z:"), ("y: 2}\n", "y: 2}\n    aliases: [a]\n")],
            ),
            (|r| r.unset(&id("b"), "cwd"), &[]),
        ];
        for line_end in ["\n", "\r\n"] {
            for (edit, changes) in edits {
                let mut expected = BLOCK.to_owned();
                for (from, to) in changes {
                    assert_eq!(expected.matches(from).count(), 1, "{from}");
                    expected = expected.replace(from, to);
                }
                let text = BLOCK.replace('\n', line_end);
                assert_eq!(edited(&text, edit), expected.replace('\n', line_end));
            }
        }
    }

    #[test]
    fn flow_mappings_are_edited_in_their_line() {
        let flow = "agents: {a: {roles: [x]}, b: , 'c-c': {}} # all\n";
        for (edited, expected) in [
            (
                edited(flow, |r| r.register(&id("d"), &[("command", "[a b, 1]")])),
                "{a: {roles: [x]}, b: , 'c-c': {}, d: {command: [a b, 1]}}",
            ),
            (
                edited(flow, |r| r.set(&id("b"), "env.P", "'1'")),
                "{a: {roles: [x]}, b: {env: {P: '1'}}, 'c-c': {}}",
            ),
            (
                edited(flow, |r| r.unset(&id("a"), "roles")),
                "{a: {}, b: , 'c-c': {}}",
            ),
            (
                edited(flow, |r| r.unregister(&id("c-c"))),
                "{a: {roles: [x]}, b: }",
            ),
            (
                edited(flow, |r| r.rename(&id("c-c"), &id("d"))),
                "{a: {roles: [x]}, b: , d: {aliases: [c-c]}}",
            ),
        ] {
            assert_eq!(edited, format!("agents: {expected} # all\n"));
        }
    }

    #[test]
    fn a_group_goes_with_its_last_key_and_what_is_not_there_is_away() {
        let text = "agents:\n  a:\n    env: {A: 1, B: 2}\n    backoff:\n      max: 1m\n    stop:\n";
        for (key, from, to) in [
            ("env.A", "{A: 1, B: 2}", "{B: 2}"),
            ("backoff.max", "    backoff:\n      max: 1m\n", ""),
            ("stop.grace", "", ""),
            ("backoff.jitter", "", ""),
            ("cwd", "", ""),
        ] {
            assert_eq!(
                edited(text, |r| r.unset(&id("a"), key)),
                text.replacen(from, to, 1)
            );
        }
    }

    #[test]
    fn a_list_of_agents_stays_a_list() {
        for (before, behind) in [("", ""), ("agents:\n", "# end\n")] {
            let list =
                |agents: &str| format!("{before}- id: a\n  roles: [x] # r\n# b\n{agents}{behind}");
            let text = list("- cwd: /x\n  id: b\n");
            assert_eq!(
                edited(&text, |r| r.register(&id("c"), &[("tty", "true")])),
                list("- cwd: /x\n  id: b\n- id: c\n  tty: true\n")
            );
            assert_eq!(
                edited(&text, |r| r.rename(&id("b"), &id("c"))),
                list("- cwd: /x\n  id: c\n  aliases: [b]\n")
            );
            assert_eq!(
                edited(&text, |r| r.set(&id("b"), "backoff.max", "1h")),
                list("- cwd: /x\n  id: b\n  backoff:\n    max: 1h\n")
            );
            assert_eq!(edited(&text, |r| r.unregister(&id("b"))), list(""));
        }
    }

    #[test]
    fn the_first_agent_goes_into_a_file_that_names_nobody() {
        for (text, expected) in [
            ("", "agents:\n  a:\n    tty: true\n"),
            ("# only\n", "# only\nagents:\n  a:\n    tty: true\n"),
            (
                "agents: # none\n# after\nlimits: {}\n",
                "agents: # none\n  a:\n    tty: true\n# after\nlimits: {}\n",
            ),
            (
                "# x\nlimits: {}\n",
                "# x\nlimits: {}\nagents:\n  a:\n    tty: true\n",
            ),
            ("agents: {}\n", "agents: {a: {tty: true}}\n"),
            ("agents: []\n", "agents: [{id: a, tty: true}]\n"),
            (
                "\u{feff}agents:\n",
                "\u{feff}agents:\n  a:\n    tty: true\n",
            ),
        ] {
            let text = edited(text, |r| r.register(&id("a"), &[("tty", "true")]));
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn the_last_agent_leaves_a_file_that_can_be_read() {
        for text in [
            BLOCK,
            "agents: # y\n  # z\n  a:\n    tty: true\n  # w\n",
            "---\nagents:\n  a:\n...\n",
            "- id: a # x\n# y\n",
            "agents: {a: }\n",
        ] {
            let mut registry = registry(text);
            for agent in registry.roster().agents.clone() {
                registry.unregister(&agent.id).unwrap();
            }
            assert_eq!(registry.roster().agents, []);
            registry.register(&id("n"), &[]).unwrap();
            assert_eq!(registry.roster().agents[0].id, id("n"));
        }
    }

    #[test]
    fn a_renamed_agent_answers_to_both_names() {
        for aliases in [
            "",
            "aliases: q",
            "aliases: [q, r]",
            "aliases: ",
            "aliases:\n    - q\n    - r # r",
        ] {
            let mut registry = registry(&format!(
                "agents:\n  a:\n    {aliases}\n  b: {{after: a}}\n"
            ));
            registry.rename(&id("a"), &id("c")).unwrap();
            for name in ["a", "C"] {
                assert_eq!(registry.roster().resolve(name, &[]), Ok(id("c")));
            }
            assert_eq!(
                registry.roster().resolve("q", &[]).is_ok(),
                aliases.contains('q')
            );
        }
        let own_alias = edited("agents: {a: {aliases: [b]}}", |r| {
            r.rename(&id("a"), &id("b"))
        });
        assert_eq!(own_alias, "agents: {b: {aliases: [b, a]}}");
    }

    #[test]
    fn a_value_keeps_its_type() {
        for (key, value) in [
            ("cwd", "'10'"),
            ("cwd", "'yes: no # x'"),
            ("cwd", "'null'"),
            ("command", "\"a\\nb\\tc\""),
            ("command", r#"["sh","-c","echo \"$A\" 'b' # c: {d}"]"#),
            (
                "env",
                "{A: '~', B: '0x1F', C: '1e3', D: ' x ', E: '', F: '- a', G: 'true'}",
            ),
            ("ready_fd", "3"),
            ("backoff", "{factor: 1.5}"),
            ("preconditions", "[test -f x, [test, -d, 'y, z']]"),
            ("onboarding", "\"# one\\n\\n  two: [\\n\""),
        ] {
            for text in [
                "agents:\n  a:\n    tty: true\n",
                "agents: {a: }\n",
                "- id: a\n",
            ] {
                let text = edited(text, |r| r.set(&id("a"), key, value));
                let all = values(&text, Path::new("x")).unwrap();
                let agent = match all.get(AGENTS) {
                    Some(agents) => &agents["a"],
                    None => &all[0],
                };
                assert_eq!(agent[key], value_of(key, value).unwrap(), "{text}");
            }
        }
    }

    #[test]
    fn what_would_be_wrong_is_refused_and_the_text_stays() {
        let kind = |error: &Error| (error.kind(), error.hint().is_some());
        for (error, said) in [
            (
                refused(BLOCK, |r| r.set(&id("a"), "restart", "alway")),
                "that would be refused: agents.yaml:10:14: agents.a.restart: unknown variant `alway`",
            ),
            (
                refused(BLOCK, |r| r.set(&id("a"), "aliases", "[b]")),
                "that would be refused: agents.yaml: b is too like a",
            ),
            (
                refused(BLOCK, |r| r.set(&id("a"), "retsart", "never")),
                "\"retsart\" is no key of an agent",
            ),
            (
                refused(BLOCK, |r| r.set(&id("a"), "id", "c")),
                "`id` is no key that can be changed",
            ),
            (
                refused(BLOCK, |r| r.set(&id("a"), "cwd", "[")),
                "the value of cwd is no YAML: ",
            ),
        ] {
            assert_eq!(kind(&error), (Kind::Usage, true));
            assert!(error.to_string().starts_with(said), "{error}");
        }
        let error = refused(BLOCK, |r| r.set(&id("c"), "cwd", "x"));
        assert_eq!(kind(&error), (Kind::Unknown, true));
        for name in ["A", "user"] {
            let taken = |r: &mut Registry| r.register(&id(&name.to_lowercase()), &[]);
            assert_eq!(refused(BLOCK, taken).kind(), Kind::CannotCreate);
        }
        let error = refused(BLOCK, |r| r.rename(&id("a"), &id("b")));
        assert_eq!(error.kind(), Kind::CannotCreate);
    }

    #[test]
    fn what_stands_for_two_agents_is_not_edited_for_one() {
        let text = "agents:\n  a: &x {roles: [y]}\n  b: *x\n";
        for error in [
            refused(text, |r| r.set(&id("a"), "roles", "z")),
            refused(text, |r| r.set(&id("b"), "cwd", "z")),
            refused(text, |r| r.unregister(&id("a"))),
        ] {
            assert_eq!(error.kind(), Kind::Refused);
        }
        assert_eq!(
            edited(text, |r| r.unregister(&id("b"))),
            "agents:\n  a: &x {roles: [y]}\n"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_edited() {
        let error = Registry::read("agents:\n  a: [1]\n".into(), Path::new("y")).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().starts_with("y:2:6: "), "{error}");
    }

    #[test]
    fn the_original_s_list_becomes_ours_with_all_its_keys() {
        let json = br#"[{"id":"Agent-1","role":"x: \ud83d\ude00","config":{"a":[1,{"b":null}]},"escalate_to":"Captain"},
            {"id":"captain","capabilities":["a","b"],"my key":1.50}]"#;
        let registry = from_original(json, Path::new("j"), Path::new("y")).unwrap();
        assert_eq!(
            registry.text(),
            "agents:\n  agent-1:\n    role: \"x: \u{1f600}\"\n    \"config\": {\"a\":[1,{\"b\":null}]}\n    \
             escalate_to: \"captain\"\n  captain:\n    capabilities: [\"a\",\"b\"]\n    \"my key\": 1.50\n"
        );
        let keyed = br#"{"limits":{"within":60},"agents":{"A":null}}"#;
        let registry = from_original(keyed, Path::new("j"), Path::new("y")).unwrap();
        assert_eq!(registry.roster().limits.within, 60);
        assert_eq!(registry.roster().agents[0].id, id("a"));
    }

    /// Lines that say nothing of what is edited, between agents or in one.
    fn noise() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                Just(String::new()),
                "# [a-z:{}\\[\\]'\"]{0,12}".prop_map(|comment| comment),
                "x[a-z]{1,5}".prop_map(|key| format!("{key}: {{k: [1, 'two'], \"m\": }} # c")),
                "x[a-z]{1,5}".prop_map(|key| format!("{key}: |\n      # text\n      a: 1")),
                "x[a-z]{1,5}".prop_map(|key| format!("{key}:\n    # in\n    - 1\n    -   two # t")),
                "x[a-z]{1,5}".prop_map(|key| format!("{key}: 'it''s'")),
            ],
            0..4,
        )
        .prop_map(|mut lines| {
            // No key twice.
            let mut seen = Vec::new();
            lines.retain(|line| {
                let key = line.split(':').next().unwrap_or_default().to_owned();
                line.is_empty() || line.starts_with('#') || {
                    let is_new = !seen.contains(&key);
                    seen.push(key);
                    is_new
                }
            });
            lines
                .iter()
                .map(|line| {
                    if line.is_empty() {
                        "\n".into()
                    } else {
                        format!("    {line}\n")
                    }
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn lines_of_others_survive_whatever_is_done(
            parts in proptest::collection::vec((noise(), noise()), 1..5),
            which in 0_usize..5,
            what in 0..6,
            crlf: bool,
        ) {
            let mut text = String::from("# head\nversion: 1\nagents:\n");
            for (n, (above, below)) in parts.iter().enumerate() {
                let head = format!("  # above {n}\n  a{n}: # a{n}\n{above}    roles: [r{n}] # roles\n");
                text.push_str(&head);
                // A key of both parts would stand there twice.
                text.push_str(&below.replace("    x", "    y"));
            }
            text.push_str("# foot\nlimits:\n  within: 10m # w\n");
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            let mut registry = registry(&text);
            let which = which % parts.len();
            let agent = id(&format!("a{which}"));
            let done = match what {
                0 => registry.register(&id("new"), &[("roles", "[x]"), ("backoff", "{max: 2m}")]),
                1 => registry.set(&agent, "roles", "[cook, waiter]"),
                2 => registry.set(&agent, "backoff.max", "2m"),
                3 => registry.unset(&agent, "roles"),
                4 => registry.unregister(&agent),
                _ => registry.rename(&agent, &id("new")),
            };
            prop_assert!(done.is_ok(), "{done:?}\n{text}");
            // Whatever is not of that agent stands there as it did, and of it every comment where it is not taken away.
            let mut of_it = false;
            let mut now = registry.text().split_inclusive('\n');
            for line in text.split_inclusive('\n') {
                let is_next = line.starts_with("  # above") || line.starts_with("# foot");
                of_it = (of_it || line.starts_with(&format!("  a{which}:"))) && !is_next;
                let may_go = match what {
                    0 => false,
                    4 => of_it,
                    _ => of_it && !line.trim_start().starts_with('#'),
                };
                if !may_go && !line.trim().is_empty() {
                    prop_assert!(now.any(|now| now == line), "{line:?} is lost\n{text}\n{}", registry.text());
                }
            }
            prop_assert!(!crlf || registry.text().split_inclusive('\n').all(|line| line.ends_with("\r\n")));
        }

        #[test]
        fn any_word_of_a_command_line_is_kept(word in "[ -~\u{e9}\u{2028}\u{85}\u{feff}\u{7f}\t\n]{1,20}", flow: bool) {
            let text = if flow { "agents: {a: , b: {}} # c\n" } else { "agents:\n  a:\n    tty: true # c\n  # b\n  b:\n" };
            let mut registry = registry(text);
            let words = ["sh", &word];
            registry.set(&id("a"), "command", &list(&words)).unwrap();
            let agents = launch::read(registry.text().as_bytes(), Dialect::Ours, Path::new("x")).unwrap().agents;
            prop_assert_eq!(agents[0].command.as_deref().unwrap(), words);
        }
    }
}

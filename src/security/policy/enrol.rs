//! Somebody gets a role: the text of the policies changes by that line, and all else stands as a person wrote it. Pure.

use serde_yaml::{Mapping, Value};

use super::document::Document;

/// What whoever has one of these roles may do, where no rule says anything of it yet.
const RULES: [(&str, &str); 3] = [
    ("discord-viewer", "[discord.use]"),
    (
        "discord-operator",
        "[discord.use, mail.*, agent.look, agent.start, agent.stop, agent.beat, task.*, audit.read]",
    ),
    (
        "discord-admin",
        "[discord.*, mail.*, agent.look, agent.start, agent.stop, agent.beat, task.*, audit.read, approval.give]",
    ),
];

/// Whether a role can be given without a word about what it may do.
pub fn is_ready_made(role: &str) -> bool {
    RULES.iter().any(|it| it.0 == role)
}

/// The new text. `None`: it is written in a way that is not changed from here.
pub(in crate::security) fn enrolled(text: &str, role: &str, member: &str) -> Option<String> {
    let before = read(text)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    add_member(&mut lines, role, member)?;
    let missing = RULES
        .iter()
        .find(|it| it.0 == role && !names(&before, role));
    if let Some((name, actions)) = missing {
        add_rule(&mut lines, name, actions);
    }
    let edited = lines.join("\n") + "\n";
    let after = read(&edited)?;
    let is_sound = Document::parse(edited.as_bytes(), std::path::Path::new("")).is_ok();
    let is_it = taken_back(after.clone(), role, member, missing.map(|it| it.0)) == plain(before);
    (is_sound && is_it && has(&after, role, member)).then_some(edited)
}

fn read(text: &str) -> Option<Mapping> {
    match serde_yaml::from_str(text).ok()? {
        Value::Null => Some(Mapping::new()),
        Value::Mapping(all) => Some(all),
        _ => None,
    }
}

fn has(all: &Mapping, role: &str, member: &str) -> bool {
    let members = all.get("roles").and_then(|it| it.get(role));
    let members = members.and_then(Value::as_sequence);
    members.is_some_and(|it| it.iter().any(|it| it.as_str() == Some(member)))
}

fn names(all: &Mapping, role: &str) -> bool {
    let wanted = format!("role:{role}");
    let says = |it: &Value| match it.get("principals") {
        Some(Value::Sequence(all)) => all.iter().any(|it| it.as_str() == Some(&wanted)),
        Some(one) => one.as_str() == Some(&wanted),
        None => false,
    };
    let allow = all.get("allow").and_then(Value::as_sequence);
    allow.is_some_and(|it| it.iter().any(says))
}

/// Without what is empty: a key with nothing behind it says what no key says.
fn plain(mut all: Mapping) -> Mapping {
    if let Some(Value::Mapping(roles)) = all.get_mut("roles") {
        roles.retain(|_, it| !is_empty(it));
    }
    all.retain(|_, it| !is_empty(it));
    all
}

fn is_empty(it: &Value) -> bool {
    match it {
        Value::Null => true,
        Value::Sequence(all) => all.is_empty(),
        Value::Mapping(all) => all.is_empty(),
        _ => false,
    }
}

fn taken_back(mut all: Mapping, role: &str, member: &str, added: Option<&str>) -> Mapping {
    if let Some(Value::Sequence(members)) = all.get_mut("roles").and_then(|it| it.get_mut(role))
        && let Some(at) = members.iter().position(|it| it.as_str() == Some(member))
    {
        members.remove(at);
    }
    if let (Some(name), Some(Value::Sequence(rules))) = (added, all.get_mut("allow"))
        && let Some(at) = rules
            .iter()
            .position(|it| it.get("rule").and_then(Value::as_str) == Some(name))
    {
        rules.remove(at);
    }
    plain(all)
}

fn add_member(lines: &mut Vec<String>, role: &str, member: &str) -> Option<()> {
    let Some(roles) = key(lines, "roles") else {
        lines.push(String::new());
        lines.push("roles:".into());
        lines.push(format!("  {role}: ['{member}']"));
        return Some(());
    };
    let (indent, own) = below(lines, roles);
    let own: Vec<usize> = own
        .into_iter()
        .filter(|it| indentation(&lines[*it]) == indent)
        .collect();
    let its = own
        .into_iter()
        .find(|it| lines[*it].trim_start().starts_with(&format!("{role}:")));
    let Some(at) = its else {
        lines.insert(
            roles + 1,
            format!("{}{role}: ['{member}']", " ".repeat(indent)),
        );
        return Some(());
    };
    // What stands behind the last bracket is a comment.
    if let Some(end) = lines[at].find(']') {
        let is_empty = lines[at][..end].trim_end().ends_with('[');
        let separator = if is_empty { "" } else { ", " };
        lines[at].insert_str(end, &format!("{separator}'{member}'"));
        return Some(());
    }
    let first = lines.get(at + 1)?;
    let indent = first
        .trim_start()
        .starts_with('-')
        .then(|| indentation(first))?;
    lines.insert(at + 1, format!("{}- '{member}'", " ".repeat(indent)));
    Some(())
}

fn add_rule(lines: &mut Vec<String>, role: &str, actions: &str) {
    let spelled = |indent: usize| {
        let indent = " ".repeat(indent);
        [
            format!("{indent}- rule: {role}"),
            format!("{indent}  principals: role:{role}"),
            format!("{indent}  actions: {actions}"),
        ]
    };
    let Some(allow) = key(lines, "allow") else {
        lines.push(String::new());
        lines.push("allow:".into());
        lines.extend(spelled(2));
        return;
    };
    let (indent, _) = below(lines, allow);
    for (n, line) in spelled(indent).into_iter().enumerate() {
        lines.insert(allow + 1 + n, line);
    }
}

/// The line of a key that has all of it below it.
fn key(lines: &[String], name: &str) -> Option<usize> {
    lines.iter().position(|line| {
        let rest = line.strip_prefix(name).and_then(|it| it.strip_prefix(':'));
        rest.is_some_and(|it| it.trim().is_empty() || it.trim_start().starts_with('#'))
    })
}

/// How far what stands below is indented, and its lines.
fn below(lines: &[String], key: usize) -> (usize, Vec<usize>) {
    let says = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let mut own = Vec::new();
    for (at, line) in lines.iter().enumerate().skip(key + 1) {
        if !says(line) {
            continue;
        }
        if indentation(line) == 0 && !line.starts_with('-') {
            break;
        }
        own.push(at);
    }
    let indent = own.first().map_or(2, |it| indentation(&lines[*it]));
    (indent, own)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Actions;
    use super::*;

    fn enrol(text: &str, role: &str) -> String {
        enrolled(text, role, "discord:7").unwrap_or_else(|| panic!("not changed: {text}"))
    }

    #[test]
    fn in_a_file_that_says_nothing_the_role_comes_with_its_rule() {
        for text in ["", "# nothing\n", "version: 1\n# roles:\n#   a: [user:b]\n"] {
            let edited = enrol(text, "discord-operator");
            assert!(edited.starts_with(text), "{edited}");
            assert!(
                edited.contains("  discord-operator: ['discord:7']\n"),
                "{edited}"
            );
            assert!(
                edited.contains("principals: role:discord-operator"),
                "{edited}"
            );
            let again = enrolled(&edited, "discord-operator", "discord:8").unwrap();
            assert!(again.contains("['discord:7', 'discord:8']"), "{again}");
            assert_eq!(again.matches("rule: discord-operator").count(), 1);
        }
    }

    #[test]
    fn what_a_person_wrote_stands_as_it_was() {
        let text = "\
version: 1
roles:            # who
    ops: [user:alice, 'discord:1']   # day
    night:
        - user:bob
allow:
- rule: ops       # mine
  principals: role:ops
  actions: mail.send
deny: []
";
        let day = enrol(text, "ops");
        assert!(
            day.contains("    ops: [user:alice, 'discord:1', 'discord:7']   # day\n"),
            "{day}"
        );
        let night = enrol(text, "night");
        assert!(
            night.contains("    night:\n        - 'discord:7'\n        - user:bob\n"),
            "{night}"
        );
        let new = enrol(text, "discord-viewer");
        assert!(
            new.contains("roles:            # who\n    discord-viewer: ['discord:7']\n"),
            "{new}"
        );
        assert!(new.contains("allow:\n- rule: discord-viewer\n"), "{new}");
        for edited in [day, night, new] {
            for line in text.lines().filter(|it| !it.contains("ops: [")) {
                assert!(edited.lines().any(|it| it == line), "{line} in {edited}");
            }
        }
    }

    #[test]
    fn what_cannot_be_changed_from_here_is_left_alone() {
        for text in [
            "roles: {ops: ['discord:1']}\n",
            "roles:\n  ops: &o ['discord:1']\n  other: *o\n",
            "roles:\n  ops: ['discord:7'\n",
            "- no map\n",
        ] {
            assert_eq!(enrolled(text, "ops", "discord:7"), None, "{text}");
        }
    }

    #[test]
    fn ready_made_rules_speak_of_what_there_is() {
        for (_, actions) in RULES {
            let actions: Vec<String> = serde_yaml::from_str(actions).unwrap();
            for action in actions {
                let parsed = Actions::try_from(action.clone()).unwrap();
                assert!(parsed.is_known(), "{action}");
            }
        }
    }
}

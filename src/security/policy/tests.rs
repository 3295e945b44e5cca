//! The rules over the whole matrix: every verb, the owner, the captain, an agent and strangers.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::names::{
    Act, AgentId, Caller, Explain as _, Guest, Kind, Permit, Roster, RosterEntry, Verb,
};
use crate::security::Principal;

fn id(name: &str) -> AgentId {
    AgentId::parse(name).unwrap()
}

fn act(caller: &str, verb: Verb, target: &str) -> Act {
    Act {
        verb,
        caller: Caller {
            agent: id(caller),
            incarnation: None,
            uid: 1000,
            login: Some("alice".into()),
            guest: None,
        },
        target: id(target),
    }
}

/// agent-1 is a worker, agent-2 a worker and a Reviewer.
fn roster() -> Roster {
    let entry = |name: &str, roles: &[&str]| RosterEntry {
        id: id(name),
        aliases: Vec::new(),
        roles: roles.iter().map(ToString::to_string).collect(),
        escalate_to: None,
    };
    Roster {
        agents: vec![
            entry("agent-1", &["worker"]),
            entry("agent-2", &["worker", "Reviewer"]),
        ],
        ..Roster::default()
    }
}

fn policy(text: &str) -> Policy {
    Policy::parse(text.as_bytes(), Path::new("policies.yaml")).unwrap()
}

fn refused(text: &str) -> String {
    let error = Policy::parse(text.as_bytes(), Path::new("policies.yaml")).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    error.to_string()
}

fn ask(caller: &str, verb: Verb, target: &str) -> Result<Permit, Refusal> {
    Policy::builtin().permit(act(caller, verb, target), &roster())
}

fn verdict<'p>(policy: &'p Policy, principal: &str, verb: &str, target: &str) -> Verdict<'p> {
    let target = target.strip_prefix("channel:").map_or_else(
        || Target::Agent(id(target)),
        |name| Target::Channel(name.into()),
    );
    policy.decide(
        &Question {
            principal: &Principal::parse(principal).unwrap(),
            verb: Verb::parse(verb).unwrap(),
            target: &target,
        },
        &roster(),
    )
}

fn rule_of(policy: &Policy, principal: &str, verb: &str, target: &str) -> (bool, String) {
    let verdict = verdict(policy, principal, verb, target);
    (verdict.allowed, verdict.rule.to_owned())
}

fn allowed(caller: &str, target: &str) -> Vec<&'static str> {
    let all = Verb::ALL.iter().copied();
    all.filter(|verb| ask(caller, *verb, target).is_ok())
        .map(Verb::as_str)
        .collect()
}

/// To anybody, and one's own messages anywhere.
const TO_ANYBODY: [&str; 5] = [
    "mail.send",
    "mail.follow",
    "mail.recall",
    "task.create",
    "log.write",
];

#[test]
fn each_may_what_the_built_in_policy_says_and_no_more() {
    let all: Vec<&str> = Verb::ALL.iter().map(|verb| verb.as_str()).collect();
    assert_eq!(allowed("user", "agent-1"), all);
    assert_eq!(allowed("user", "system"), all);
    let owners = [
        "token.issue",
        "approval.give",
        "audit.anchor",
        "policy.write",
        "key.write",
        "discord.use",
        "discord.broadcast",
        "discord.configure",
        "secret.read",
        "secret.write",
    ];
    let not_own = [
        &owners[..],
        &[
            "mail.create",
            "agent.configure",
            "log.rotate",
            "memory.forget",
            "audit.read",
        ],
    ]
    .concat();
    let own: Vec<&str> = all
        .iter()
        .copied()
        .filter(|verb| !not_own.contains(verb))
        .collect();
    assert_eq!(allowed("agent-1", "agent-1"), own);
    assert_eq!(allowed("agent-1", "agent-2"), TO_ANYBODY);
    assert_eq!(allowed("agent-1", "user"), TO_ANYBODY);
    // Nobody's yet.
    assert_eq!(
        allowed("agent-1", "unassigned"),
        [
            &TO_ANYBODY[..4],
            &["task.work", "task.edit"],
            &TO_ANYBODY[4..]
        ]
        .concat()
    );
    assert_eq!(
        allowed("captain", "agent-1"),
        [
            "mail.send",
            "mail.read",
            "mail.follow",
            "mail.recall",
            "mail.create",
            "agent.start",
            "agent.stop",
            "agent.look",
            "agent.type",
            "agent.configure",
            "task.create",
            "task.work",
            "task.edit",
            "task.run",
            "log.write",
            "log.rotate",
            "memory.forget",
            "audit.read"
        ]
    );
    let but_the_owners = all.iter().copied().filter(|it| !owners.contains(it));
    assert_eq!(
        allowed("captain", "captain"),
        but_the_owners.collect::<Vec<_>>()
    );
    for target in ["agent-1", "system"] {
        assert_eq!(
            allowed("system", target),
            ["mail.send", "task.create", "log.write"]
        );
    }
}

#[test]
fn who_comes_from_outside_may_nothing_until_a_rule_says_so() {
    let builtin = Policy::builtin();
    for stranger in ["discord:80351110224678912", "bridge:chatgpt", "role:worker"] {
        for verb in Verb::ALL {
            for target in ["agent-1", "user", "unassigned", "channel:general"] {
                assert_eq!(
                    rule_of(&builtin, stranger, verb.as_str(), target),
                    (false, "default-deny".into()),
                    "{stranger} {} {target}",
                    verb.as_str()
                );
            }
        }
    }
}

#[test]
fn a_verdict_names_the_rule_that_made_it() {
    let policy = policy(
        "roles:
  ops: ['discord:7', 'agent:agent-1']
allow:
  - {rule: reviewers-read, principals: 'role:reviewer', actions: mail.read, targets: 'role:worker'}
  - {rule: ops-send, principals: 'role:ops', actions: [mail.send, mail.follow]}
  - {rule: shout, principals: 'discord:*', actions: 'mail.*', targets: 'channel:general'}
deny:
  - {rule: hands-off, principals: '*', actions: '*.purge', targets: 'agent:agent-*'}
  - {rule: not-ops, principals: 'role:ops', actions: mail.send, targets: 'agent:agent-2'}
",
    );
    for (principal, verb, target, allowed, rule) in [
        ("user:alice", "mail.read", "agent-1", true, "builtin/owner"),
        ("user:alice", "agent.purge", "agent-1", false, "hands-off"),
        (
            "user:alice",
            "agent.purge",
            "captain",
            true,
            "builtin/owner",
        ),
        (
            "agent:agent-2",
            "mail.read",
            "agent-1",
            true,
            "reviewers-read",
        ),
        (
            "agent:agent-2",
            "mail.read",
            "captain",
            false,
            "default-deny",
        ),
        (
            "agent:agent-1",
            "mail.read",
            "agent-2",
            false,
            "default-deny",
        ),
        ("agent:agent-1", "mail.send", "agent-2", false, "not-ops"),
        (
            "agent:agent-1",
            "mail.send",
            "agent-1",
            true,
            "builtin/anybody",
        ),
        ("discord:7", "mail.send", "agent-1", true, "ops-send"),
        ("discord:7", "mail.send", "agent-2", false, "not-ops"),
        ("discord:8", "mail.send", "agent-1", false, "default-deny"),
        ("discord:8", "mail.send", "channel:general", true, "shout"),
        (
            "discord:8",
            "mail.send",
            "channel:staff",
            false,
            "default-deny",
        ),
        ("role:ops", "mail.send", "captain", true, "ops-send"),
        (
            "agent:captain",
            "mail.read",
            "agent-1",
            true,
            "builtin/captain",
        ),
        (
            "agent:agent-1",
            "task.edit",
            "unassigned",
            true,
            "builtin/nobodys",
        ),
        ("agent:agent-1", "mail.ack", "agent-1", true, "builtin/own"),
    ] {
        assert_eq!(
            rule_of(&policy, principal, verb, target),
            (allowed, rule.into()),
            "{principal} {verb} {target}"
        );
    }
}

#[test]
fn without_the_built_in_rules_only_the_file_counts() {
    let policy = policy(
        "builtin: false
allow:
  - {rule: own, principals: 'agent:*', actions: 'mail.*', targets: self}
",
    );
    assert_eq!(
        rule_of(&policy, "user:alice", "mail.send", "agent-1"),
        (false, "default-deny".into())
    );
    assert_eq!(
        rule_of(&policy, "agent:agent-1", "mail.ack", "agent-1"),
        (true, "own".into())
    );
    assert_eq!(
        rule_of(&policy, "agent:agent-1", "mail.ack", "agent-2"),
        (false, "default-deny".into())
    );
}

#[test]
fn a_permit_is_for_the_act_that_was_asked_for() {
    let permit = ask("captain", Verb::MailRead, "agent-1").unwrap();
    assert_eq!(permit.act().verb, Verb::MailRead);
    assert_eq!(permit.act().target.as_str(), "agent-1");
    assert_eq!(permit.act().caller.agent.as_str(), "captain");
}

#[test]
fn a_refusal_says_which_rule_made_it_and_who_may_instead() {
    for (caller, verb, target, said, may) in [
        (
            "agent-1",
            Verb::MailAck,
            "agent-2",
            "agent-1 may not acknowledge the mail of agent-2 (rule default-deny)",
            "agent-2 or user",
        ),
        (
            "agent-1",
            Verb::MailRead,
            "agent-2",
            "agent-1 may not read the mail of agent-2 (rule default-deny)",
            "agent-2 or captain or user",
        ),
        (
            "agent-1",
            Verb::MailCreate,
            "agent-2",
            "agent-1 may not make a mailbox for agent-2 (rule default-deny)",
            "captain or user",
        ),
        (
            "agent-1",
            Verb::MailEdit,
            "user",
            "agent-1 may not edit the mail of user (rule default-deny)",
            "user",
        ),
        (
            "agent-1",
            Verb::MailTake,
            "captain",
            "agent-1 may not take the mail of captain (rule default-deny)",
            "captain or user",
        ),
    ] {
        let refusal = ask(caller, verb, target).unwrap_err();
        assert_eq!(refusal.to_string(), said);
        assert_eq!(refusal.kind(), Kind::Refused);
        let hint = format!("{may} may; say who you are with --as or DREAMOS_AGENT");
        assert_eq!(refusal.hint(), Some(hint));
    }
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_place() {
    for (text, said) in [
        (
            "allow:\n  - rule: a\n    who: '*'\n",
            "policies.yaml:3:5: allow[0]: unknown field `who`, expected one of `rule`, `principals`, `actions`, `targets`",
        ),
        (
            "builtin: yes\n",
            "policies.yaml:1:10: builtin: invalid type: string \"yes\", expected a boolean",
        ),
        (
            "allow: []\nallow: []\n",
            "policies.yaml:1:1: duplicate field `allow`",
        ),
        (
            "allow:\n  - {rule: a, principals: [alice], actions: '*'}\n",
            "policies.yaml:2:27: allow[0].principals: \"alice\" is no principal: write \"*\", user:NAME, agent:ID, role:NAME, discord:NUMBER or bridge:NAME",
        ),
        (
            "allow:\n  - {rule: a, principals: [], actions: '*'}\n",
            "policies.yaml:2:27: allow[0].principals: the list is empty",
        ),
        (
            "limits:\n  - {rule: a, principals: '*', actions: '*', at_most: 3, per: never}\n",
            "policies.yaml:2:5: limits[0]: \"never\" is no span of time: write 10s, 5m or 1h",
        ),
        (
            "quotas:\n  - {rule: a, principals: '*'}\n",
            "policies.yaml:2:5: quotas[0]: \"a\" says no number: write pending, pending_of_sender or both",
        ),
        (
            "quotas:\n  - {rule: b, principals: '*', pending: 1}\n  - rule: a\n    principals: '*'\n    pending: -1\n",
            "policies.yaml:5:14: quotas[1].pending: invalid type: integer `-1`, expected u64",
        ),
        (
            "quotas:\n  - {rule: a, principals: '*', pending: '7'}\n",
            "policies.yaml:2:41: quotas[0].pending: invalid type: string \"7\", expected u64",
        ),
        (
            "quotas:\n  - {rule: a, principals: '*', pending: ~, pending_of_sender: 7}\n",
            "policies.yaml:2:41: quotas[0].pending: invalid type: unit value, expected u64",
        ),
        (
            "quotas:\n  - {rule: a, principals: '*', pending: 7, actions: mail.send}\n",
            "policies.yaml:2:44: quotas[0]: unknown field `actions`, expected one of `rule`, `principals`, `targets`, `pending`, `pending_of_sender`",
        ),
        (
            "limits:\n  - {rule: a, principals: '*', actions: '*', at_most: 3, per: 1s}\nquotas:\n  - {rule: a, principals: '*', pending: 7}\n",
            "policies.yaml: two rules have the name \"a\"",
        ),
        (
            "roles:\n  ops: ['discord:1']\n  ops: ['discord:2']\n",
            "policies.yaml:2:3: roles: the role \"ops\" stands there twice",
        ),
        (
            "version: 2\nagents: []\n",
            "policies.yaml is of format 2, newer than this program",
        ),
        (
            "allow:\n  - {rule: a, principals: '*', actions: '*'}\ndeny:\n  - {rule: a, principals: '*', actions: '*'}\n",
            "policies.yaml: two rules have the name \"a\"",
        ),
    ] {
        assert_eq!(refused(text), said);
    }
    assert!(refused("allow: [\n").starts_with("policies.yaml:2:1: "));
    // References to references: short to write, endless to read.
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let before = format!("*a{}, ", n - 1).repeat(10);
        writeln!(bomb, "a{n}: &a{n} [{before}]").unwrap();
    }
    refused(&bomb);
}

#[test]
fn a_file_that_says_nothing_changes_nothing() {
    for text in [
        "",
        "# only a remark\n\n",
        "\u{feff}# marked\n",
        "version: 1\n",
    ] {
        let policy = policy(text);
        assert_eq!(
            rule_of(&policy, "user:alice", "mail.send", "agent-1"),
            (true, "builtin/owner".into())
        );
    }
}

#[test]
fn the_compiled_copy_says_what_the_file_says() {
    let text = "roles: {ops: ['discord:1']}
allow:
  - {rule: a, principals: ['role:ops', 'agent:a*'], actions: [mail.*, later.verb], targets: [self, 'channel:x']}
limits:
  - {rule: l, principals: '*', actions: mail.send, at_most: 3, per: 1h30m}
quotas:
  - {rule: q, principals: ['agent:*', 'user:bob'], targets: [self, 'role:worker'], pending: 18446744073709551615}
  - {rule: r, principals: 'agent:*', pending_of_sender: 0}
";
    let policy = policy(text);
    let again = Policy::of_copy(&policy.to_copy()).unwrap();
    assert_eq!(format!("{policy:?}"), format!("{again:?}"));
    for cut in 0..policy.to_copy().len() {
        assert!(Policy::of_copy(&policy.to_copy()[..cut]).is_none());
    }
}

#[test]
fn each_rule_about_the_verb_says_why_it_does_not_decide() {
    let policy = policy(
        "allow:
  - {rule: others, principals: 'agent:agent-2', actions: mail.read}
  - {rule: elsewhere, principals: 'agent:agent-1', actions: mail.read, targets: 'agent:captain'}
  - {rule: yes-indeed, principals: 'agent:agent-1', actions: mail.read}
  - {rule: something-else, principals: '*', actions: mail.ack}
",
    );
    let reasons = |principal: &str, target: &str| -> Vec<(String, &'static str)> {
        let question = Question {
            principal: &Principal::parse(principal).unwrap(),
            verb: Verb::MailRead,
            target: &Target::Agent(id(target)),
        };
        let reasons = policy.explain(&question, &roster());
        reasons
            .iter()
            .map(|it| (it.rule.to_owned(), it.because.as_str()))
            .collect()
    };
    assert_eq!(
        reasons("agent:agent-1", "agent-2"),
        [
            ("yes-indeed".into(), "allows"),
            ("others".into(), "other-principals"),
            ("elsewhere".into(), "other-targets"),
        ]
    );
    assert_eq!(
        reasons("discord:1", "agent-2"),
        [
            ("default-deny".into(), "denies"),
            ("others".into(), "other-principals"),
            ("elsewhere".into(), "other-principals"),
            ("yes-indeed".into(), "other-principals"),
        ]
    );
    assert_eq!(
        reasons("agent:agent-2", "agent-2")[..2],
        [
            ("builtin/own".into(), "allows"),
            ("others".to_owned(), "allows"),
        ]
    );
}

#[test]
fn what_can_be_read_and_is_wrong_all_the_same_is_complained_of() {
    let policy = policy(
        "builtin: false
allow:
  - {rule: typo, principals: '*', actions: mail.sendd}
  - {rule: nobody, principals: ['role:reviewr', 'agent:agent-9'], actions: mail.*, targets: 'role:worker'}
  - {rule: in-vain, principals: 'agent:agent-1', actions: mail.send, targets: self}
deny:
  - {rule: all-mail, principals: 'agent:*', actions: mail.*}
limits:
  - {rule: never, principals: '*', actions: mail.send, at_most: 0, per: 1m}
quotas:
  - {rule: closed, principals: 'agent:agent-8', pending: 0, pending_of_sender: 1}
  - {rule: idle, principals: '*', pending: 5, pending_of_sender: 5}
  - {rule: nowhere, principals: 'role:worker', targets: 'channel:*', pending: 5}
  - {rule: sound, principals: 'role:worker', targets: self, pending: 5, pending_of_sender: 4}
",
    );
    let found: Vec<String> = policy
        .lint(&roster(), &[])
        .into_iter()
        .map(|it| {
            let rule = it.rule.unwrap_or_default();
            format!("{} {rule}: {}", it.gravity.as_str(), it.why)
        })
        .collect();
    assert_eq!(
        found,
        [
            "error typo: no program knows the action mail.sendd",
            "error nobody: nobody has the role reviewr",
            "warning nobody: there is no agent agent-9",
            "warning never: at_most is 0: that is a deny, and says so better as one",
            "warning closed: there is no agent agent-8",
            "warning closed: it is 0: that is a deny, and says so better as one",
            "warning idle: pending_of_sender is never reached: pending is not more",
            "warning nowhere: it bounds nothing: a channel is no mailbox",
            "warning in-vain: it allows nothing: all-mail denies all of it",
            "warning : builtin is false, and no rule allows the person at the terminal everything",
        ]
    );
    assert_eq!(Policy::builtin().lint(&roster(), &[]), []);
}

#[test]
fn a_limit_counts_for_whom_and_what_it_is() {
    let policy = policy(
        "limits:
  - {rule: workers, principals: 'role:worker', actions: mail.send, at_most: 3, per: 1m}
  - {rule: outsiders, principals: ['discord:*', 'bridge:*'], actions: '*', at_most: 1, per: 1s}
",
    );
    let counting = |principal: &str, verb: Verb| -> Vec<String> {
        let question = Question {
            principal: &Principal::parse(principal).unwrap(),
            verb,
            target: &Target::Agent(id("agent-1")),
        };
        let limits = policy.counting(&question, &roster());
        limits.iter().map(|it| it.rule.clone()).collect()
    };
    assert_eq!(counting("agent:agent-1", Verb::MailSend), ["workers"]);
    assert_eq!(counting("agent:agent-1", Verb::MailAck), [""; 0]);
    assert_eq!(counting("agent:captain", Verb::MailSend), [""; 0]);
    assert_eq!(counting("discord:3", Verb::MailAck), ["outsiders"]);
}

/// Quota, pending, of the sender, whether urgent mail is spared.
fn let_in(policy: &Policy, who: &str, target: &str) -> Vec<String> {
    let question = Question {
        principal: &Principal::parse(who).unwrap(),
        verb: Verb::MailSend,
        target: &Target::Agent(id(target)),
    };
    let of_others = Question {
        verb: Verb::MailRead,
        ..question
    };
    assert_eq!(policy.allowances(&of_others, &roster()), []);
    let all = policy.allowances(&question, &roster());
    let number = |n: Option<u64>| n.map_or("-".into(), |n| n.to_string());
    all.iter()
        .map(|it| {
            let (all, own) = (number(it.pending), number(it.pending_of_sender));
            let spared = if it.spares_urgent { " spares" } else { "" };
            format!("{} {all} {own}{spared}", it.rule)
        })
        .collect()
}

#[test]
fn a_quota_bounds_whom_and_where_it_says() {
    let only_the_file = policy("builtin: false\n");
    assert_eq!(let_in(&only_the_file, "agent:agent-1", "agent-2"), [""; 0]);
    let policy = policy(
        "quotas:
  - {rule: workers, principals: 'role:worker', targets: 'agent:agent-2', pending: 9, pending_of_sender: 3}
  - {rule: oneself, principals: 'agent:*', targets: self, pending_of_sender: 1}
",
    );
    let flood = || "builtin/flood 100000 -".to_owned();
    let let_in = |who, target| let_in(&policy, who, target);
    assert_eq!(
        let_in("agent:agent-1", "agent-2"),
        [flood(), "workers 9 3".into()]
    );
    assert_eq!(
        let_in("agent:agent-1", "agent-1"),
        [flood(), "oneself - 1".into()]
    );
    assert_eq!(let_in("agent:agent-1", "captain"), [flood()]);
    assert_eq!(let_in("agent:captain", "captain"), ["oneself - 1 spares"]);
    for free in ["user:alice", "agent:system", "agent:captain"] {
        assert_eq!(let_in(free, "agent-2"), [""; 0], "{free}");
    }
}

/// A flood must not stop the captain's lane.
#[test]
fn urgent_mail_of_the_captain_or_a_person_is_bound_by_no_quota_but_one_that_names_him() {
    for (principals, spared) in [
        ("'*'", ["spares", "spares", ""]),
        ("['agent:*', 'user:*']", ["spares", "spares", ""]),
        (
            "['role:captain', 'role:worker', 'user:*']",
            ["spares", "spares", ""],
        ),
        ("['agent:captain', '*']", ["", "spares", ""]),
        ("['user:alice', '*']", ["spares", "", ""]),
        ("['user:bob', '*']", ["spares", "spares", ""]),
    ] {
        let policy = policy(&format!(
            "builtin: false
roles: {{captain: ['agent:captain']}}
quotas: [{{rule: q, principals: {principals}, pending: 1}}]
"
        ));
        for (who, spared) in ["agent:captain", "user:alice", "agent:agent-1"]
            .iter()
            .zip(spared)
        {
            let said = format!("q 1 - {spared}");
            assert_eq!(
                let_in(&policy, who, "agent-2"),
                [said.trim_end()],
                "{principals} {who}"
            );
        }
    }
}

#[test]
fn quotas_are_told_behind_the_rule_that_decides() {
    let policy = policy(
        "quotas:
  - {rule: few, principals: 'agent:agent-1', pending: 7, pending_of_sender: 2}
  - {rule: others, principals: 'agent:agent-2', pending: 7}
  - {rule: elsewhere, principals: 'agent:agent-1', targets: 'agent:captain', pending: 7}
",
    );
    let reasons = |principal: &str, verb: Verb| -> Vec<String> {
        let question = Question {
            principal: &Principal::parse(principal).unwrap(),
            verb,
            target: &Target::Agent(id("agent-2")),
        };
        let reasons = policy.explain(&question, &roster());
        reasons
            .iter()
            .map(|it| format!("{} {}", it.rule, it.because.as_str()))
            .collect()
    };
    assert_eq!(
        reasons("agent:agent-1", Verb::MailSend),
        [
            "builtin/anybody allows",
            "builtin/flood bounds",
            "few bounds",
            "others other-principals",
            "elsewhere other-targets"
        ]
    );
    assert_eq!(
        reasons("discord:1", Verb::MailSend)[0],
        "default-deny denies"
    );
    assert_eq!(
        reasons("agent:agent-2", Verb::MailRead),
        ["builtin/own allows"]
    );
    assert_eq!(
        policy.quota_says("few").unwrap(),
        "at most 7 pending, at most 2 pending of the sender"
    );
}

/// A rule that is about agent-1's mail.send to agent-2, however it is spelled, or about something else.
fn some_rule() -> impl Strategy<Value = (&'static str, &'static str, &'static str)> {
    let principals = [
        "*",
        "agent:*",
        "agent:agent-1",
        "role:worker",
        "agent:agent-2",
        "user:*",
        "discord:1",
    ];
    let actions = ["*", "mail.*", "*.send", "mail.send", "mail.read", "agent.*"];
    let targets = [
        "*",
        "agent:agent-2",
        "agent:*",
        "role:reviewer",
        "self",
        "channel:*",
    ];
    (
        prop::sample::select(principals.to_vec()),
        prop::sample::select(actions.to_vec()),
        prop::sample::select(targets.to_vec()),
    )
}

fn written(list: &str, rules: &[(&str, &str, &str)]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let rules = rules.iter().enumerate().map(|(n, (who, what, whom))| {
        format!(
            "  - {{rule: {list}-{n}, principals: '{who}', actions: '{what}', targets: '{whom}'}}\n"
        )
    });
    format!("{list}:\n{}", rules.collect::<String>())
}

proptest! {
    /// No sequence of allows can outvote a deny, and no order of either changes a verdict.
    #[test]
    fn a_deny_that_fits_wins_whatever_is_allowed(
        mut allow in prop::collection::vec(some_rule(), 0..12),
        mut deny in prop::collection::vec(some_rule(), 0..4),
        who in prop::sample::select(&["agent:agent-1", "agent:agent-2", "user:alice", "discord:1"][..]),
        verb in prop::sample::select(&["mail.send", "mail.read", "agent.stop"][..]),
    ) {
        let alone = policy(&format!("builtin: false\n{}", written("allow", &deny)));
        let denied = verdict(&alone, who, verb, "agent-2").allowed;
        for _ in 0..2 {
            for builtin in [true, false] {
                let text = format!("builtin: {builtin}\n{}{}", written("allow", &allow), written("deny", &deny));
                let policy = policy(&text);
                let verdict = verdict(&policy, who, verb, "agent-2");
                prop_assert!(!(denied && verdict.allowed), "{text}");
                if denied {
                    prop_assert!(verdict.rule.starts_with("deny-"), "{text}");
                }
            }
            allow.reverse();
            deny.reverse();
        }
    }

    /// A gate is never closed to what the rule fits.
    #[test]
    fn what_a_rule_fits_its_gate_lets_through(
        (who, what, whom) in some_rule(),
        asking in prop::sample::select(&["agent:agent-1", "agent:agent-2", "user:alice", "discord:1", "role:worker"][..]),
    ) {
        let ruled = policy(&format!("builtin: false\n{}", written("allow", &[(who, what, whom)])));
        let rule = &ruled.allows()[0];
        let principal = Principal::parse(asking).unwrap();
        for verb in Verb::ALL {
            let question = Question { principal: &principal, verb: *verb, target: &Target::Agent(id("agent-2")) };
            let fits = rule.is_about(*verb) && ruled.names(&rule.principals, &question, &roster());
            let open = rule.gate.is_open(super::gate::Gate::asked(&principal, *verb));
            prop_assert!(open || !fits, "{who} {what} {asking} {}", verb.as_str());
        }
    }
}

#[test]
fn whoever_speaks_for_a_person_of_discord_may_what_that_person_may() {
    let policy = policy(
        "roles:
  ops: ['discord:7', 'discord:30']
allow:
  - {rule: ops-stop, principals: 'role:ops', actions: agent.stop}
  - {rule: viewers, principals: ['discord:31'], actions: discord.use}
",
    );
    let rule = |agent: &str, guest: Option<Guest>, verb| {
        let mut act = act(agent, verb, "agent-1");
        act.caller.guest = guest;
        policy.judge(&act, &roster()).rule.to_owned()
    };
    let guest = |user, roles: &[u64]| {
        Some(Guest {
            user,
            roles: roles.to_vec(),
        })
    };
    for (who, verb, by) in [
        (guest(7, &[]), Verb::AgentStop, "ops-stop"),
        (guest(8, &[29, 30]), Verb::AgentStop, "ops-stop"),
        (guest(8, &[31]), Verb::AgentStop, "default-deny"),
        (guest(8, &[31]), Verb::DiscordUse, "viewers"),
        (guest(8, &[]), Verb::DiscordUse, "default-deny"),
        (None, Verb::AgentStop, "builtin/captain"),
    ] {
        assert_eq!(rule("captain", who.clone(), verb), by, "{who:?}");
    }
    let mut stranger = act("captain", Verb::AgentStop, "agent-1");
    stranger.caller.guest = guest(8, &[31]);
    let refusal = policy.permit(stranger, &roster()).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "discord:8 may not stop agent-1 (rule default-deny)"
    );
    assert_eq!(refusal.hint(), None);
}

//! What is to be recorded, and how it is spelled: bounded, in a fixed order. Pure.

use std::borrow::Cow;
use std::io::Write as _;

use super::hash::{Hash, Head};
use crate::names::Caller;
use crate::time::Timestamp;

/// Format of a record.
pub(super) const VERSION: u64 = 1;
/// A name, a rule or a reason of more bytes is cut, and says how long it was.
const MOST_TEXT: usize = 512;
const MOST_DETAILS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Refused,
}

impl Verdict {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Allowed, Self::Refused]
            .into_iter()
            .find(|it| it.as_str() == text)
    }
}

/// One record, but for its number, its time, its process and its place in the chain. Never what a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As policies spell it.
    pub verb: Cow<'static, str>,
    /// The principal: an agent, or `discord:SNOWFLAKE`.
    pub who: String,
    pub target: String,
    pub verdict: Verdict,
    /// The rule that made the verdict.
    pub rule: String,
    /// Hash of the policy that it stands in.
    pub policy: Option<String>,
    pub uid: u32,
    pub login: Option<String>,
    pub incarnation: Option<String>,
    pub why: String,
    /// What else is to be said, in this order; no more than 16.
    pub detail: Vec<(Cow<'static, str>, String)>,
}

impl Entry {
    pub fn new(
        verb: impl Into<Cow<'static, str>>,
        caller: &Caller,
        target: impl Into<String>,
        verdict: Verdict,
    ) -> Self {
        Self {
            verb: verb.into(),
            who: caller.name(),
            target: target.into(),
            verdict,
            rule: String::new(),
            policy: None,
            uid: caller.uid,
            login: caller.login.clone(),
            incarnation: caller.incarnation.clone(),
            why: String::new(),
            detail: Vec::new(),
        }
    }

    /// Appends the line of the record after `before`; returns what comes before the next one.
    pub(super) fn spell(&self, out: &mut Vec<u8>, before: Head, now: Timestamp, pid: u32) -> Head {
        let start = out.len();
        let n = before.n + 1;
        number(out, "{\"v\":", VERSION);
        number(out, ",\"n\":", n);
        text(out, ",\"ts\":", &now.to_string());
        text(out, ",\"verb\":", &self.verb);
        text(out, ",\"who\":", &self.who);
        text(out, ",\"target\":", &self.target);
        text(out, ",\"verdict\":", self.verdict.as_str());
        text(out, ",\"rule\":", &self.rule);
        text_or_null(out, ",\"policy\":", self.policy.as_deref());
        number(out, ",\"uid\":", self.uid.into());
        text_or_null(out, ",\"login\":", self.login.as_deref());
        text_or_null(out, ",\"incarnation\":", self.incarnation.as_deref());
        number(out, ",\"pid\":", pid.into());
        text(out, ",\"why\":", &self.why);
        out.extend_from_slice(b",\"detail\":{");
        for (nth, (key, value)) in self.detail.iter().take(MOST_DETAILS).enumerate() {
            text(out, if nth == 0 { "" } else { "," }, key);
            text(out, ":", value);
        }
        out.push(b'}');
        hash(out, ",\"prev\":", before.hash);
        let own = Hash::chained(before.hash, &out[start..]);
        hash(out, ",\"hash\":", own);
        out.extend_from_slice(b"}\n");
        Head { n, hash: own }
    }
}

fn number(out: &mut Vec<u8>, member: &str, value: u64) {
    write!(out, "{member}{value}").expect("a vector takes everything");
}

fn hash(out: &mut Vec<u8>, member: &str, hash: Hash) {
    out.extend_from_slice(member.as_bytes());
    out.push(b'"');
    hash.spell(out);
    out.push(b'"');
}

fn text(out: &mut Vec<u8>, member: &str, text: &str) {
    out.extend_from_slice(member.as_bytes());
    serde_json::to_writer(out, &bounded(text)).expect("a vector takes every text");
}

fn text_or_null(out: &mut Vec<u8>, member: &str, value: Option<&str>) {
    if let Some(value) = value {
        return text(out, member, value);
    }
    out.extend_from_slice(member.as_bytes());
    out.extend_from_slice(b"null");
}

fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= MOST_TEXT {
        return text.into();
    }
    let kept = &text[..text.floor_char_boundary(MOST_TEXT)];
    format!("{kept}… ({} bytes)", text.len()).into()
}

//! A line as a record. Its layout is ours and fixed: whatever deviates from it by one byte is none of ours. Pure.

use std::borrow::Cow;

use memchr::memchr2;

use super::entry::{Entry, VERSION, Verdict};
use super::hash::{Hash, Head};
use crate::time::Timestamp;

/// How every record of every format begins.
const VERSION_MEMBER: &[u8] = b"{\"v\":";
const TIME: usize = "2026-11-22T12:00:00.123Z".len();

/// A record as it stands in its line. Texts are as they were spelled, between their quotes.
#[derive(Debug)]
pub(super) struct Raw<'l> {
    pub(super) n: u64,
    pub(super) ts: &'l str,
    pub(super) verb: &'l str,
    pub(super) who: &'l str,
    pub(super) target: &'l str,
    pub(super) verdict: Verdict,
    rule: &'l str,
    /// With its quotes, or `null`; so are the next two.
    policy: &'l str,
    uid: u32,
    login: &'l str,
    incarnation: &'l str,
    pid: u32,
    why: &'l str,
    /// What stands between its braces.
    detail: &'l str,
    pub(super) prev: Hash,
    hash: Hash,
    /// All of it before the member `hash`.
    body: &'l str,
}

impl<'l> Raw<'l> {
    /// Of a line without its newline.
    pub(super) fn parse(line: &'l [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let mut at = Cursor(line);
        at.literal("{\"v\":1,\"n\":")?;
        let n = at.number()?;
        let ts = at.text(",\"ts\":")?;
        let verb = at.text(",\"verb\":")?;
        let who = at.text(",\"who\":")?;
        let target = at.text(",\"target\":")?;
        let verdict = Verdict::parse(at.text(",\"verdict\":")?)?;
        let rule = at.text(",\"rule\":")?;
        let policy = at.text_or_null(",\"policy\":")?;
        at.literal(",\"uid\":")?;
        let uid = at.number()?.try_into().ok()?;
        let login = at.text_or_null(",\"login\":")?;
        let incarnation = at.text_or_null(",\"incarnation\":")?;
        at.literal(",\"pid\":")?;
        let pid = at.number()?.try_into().ok()?;
        let why = at.text(",\"why\":")?;
        at.literal(",\"detail\":{")?;
        let detail = at.members()?;
        let prev = at.hash(",\"prev\":")?;
        let body = &line[..line.len() - at.0.len()];
        let hash = at.hash(",\"hash\":")?;
        let is_whole = at.0 == "}" && n > 0 && ts.len() == TIME;
        is_whole.then_some(Self {
            n,
            ts,
            verb,
            who,
            target,
            verdict,
            rule,
            policy,
            uid,
            login,
            incarnation,
            pid,
            why,
            detail,
            prev,
            hash,
            body,
        })
    }

    /// Its own number and hash, if that is the hash of its bytes.
    pub(super) fn head(&self) -> Option<Head> {
        let hash = Hash::chained(self.prev, self.body.as_bytes());
        (hash == self.hash).then_some(Head { n: self.n, hash })
    }

    /// What `detail` says of `key`.
    pub(super) fn detail(&self, key: &str) -> Option<String> {
        let all = details(self.detail);
        all.into_iter()
            .find(|(it, _)| it == key)
            .map(|(_, value)| value)
    }

    /// `None` where its time is none.
    pub(super) fn record(&self, head: Head) -> Option<Record> {
        Some(Record {
            head,
            at: Timestamp::parse(self.ts)?,
            pid: self.pid,
            entry: Entry {
                verb: plain(self.verb).into(),
                who: plain(self.who),
                target: plain(self.target),
                verdict: self.verdict,
                rule: plain(self.rule),
                policy: optional(self.policy),
                uid: self.uid,
                login: optional(self.login),
                incarnation: optional(self.incarnation),
                why: plain(self.why),
                detail: details(self.detail)
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key), value))
                    .collect(),
            },
        })
    }
}

/// A record as it was written: it has the hash of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub head: Head,
    pub at: Timestamp,
    pub pid: u32,
    pub entry: Entry,
}

impl Record {
    /// `None` of what is no record of ours, or another than it was.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let raw = Raw::parse(line)?;
        raw.record(raw.head()?)
    }
}

/// The format of a record that only a newer program knows.
pub(super) fn newer(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(VERSION_MEMBER)?;
    let digits = rest.split(|byte| *byte == b',').next()?;
    let version = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (version > VERSION).then_some(version)
}

/// What a text between quotes means; it was looked through when it was found.
fn plain(spelled: &str) -> String {
    if !spelled.contains('\\') {
        return spelled.to_owned();
    }
    serde_json::from_str(&format!("\"{spelled}\"")).unwrap_or_else(|_| spelled.to_owned())
}

fn optional(spelled: &str) -> Option<String> {
    Some(plain(spelled.strip_prefix('"')?.strip_suffix('"')?))
}

fn details(spelled: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut at = Cursor(spelled);
    while let Some(key) = at.text("") {
        let Some(value) = at.text(":") else { break };
        all.push((plain(key), plain(value)));
        if at.literal(",").is_none() {
            break;
        }
    }
    all
}

struct Cursor<'l>(&'l str);

impl<'l> Cursor<'l> {
    fn literal(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// As it is written: without a sign or a zero before it.
    fn number(&mut self) -> Option<u64> {
        let len = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(len);
        if len > 1 && digits.starts_with('0') {
            return None;
        }
        self.0 = rest;
        digits.parse().ok()
    }

    fn text(&mut self, member: &str) -> Option<&'l str> {
        self.literal(member)?;
        self.literal("\"")?;
        let bytes = self.0.as_bytes();
        let mut at = 0;
        loop {
            at += memchr2(b'"', b'\\', &bytes[at..])?;
            if bytes[at] == b'"' {
                break;
            }
            at += escape(&bytes[at..])?;
        }
        let text = &self.0[..at];
        self.0 = &self.0[at + 1..];
        let least = text.bytes().min();
        least.is_none_or(|byte| byte >= b' ').then_some(text)
    }

    fn text_or_null(&mut self, member: &str) -> Option<&'l str> {
        self.literal(member)?;
        let all = self.0;
        if self.literal("null").is_none() {
            self.text("")?;
        }
        Some(&all[..all.len() - self.0.len()])
    }

    /// Texts by names of theirs, up to the brace that ends them.
    fn members(&mut self) -> Option<&'l str> {
        let all = self.0;
        if self.literal("}").is_some() {
            return Some("");
        }
        loop {
            self.text("")?;
            self.text(":")?;
            if self.literal("}").is_some() {
                return Some(&all[..all.len() - self.0.len() - 1]);
            }
            self.literal(",")?;
        }
    }

    fn hash(&mut self, member: &str) -> Option<Hash> {
        self.literal(member)?;
        self.literal("\"")?;
        let (digits, rest) = self.0.split_at_checked(Hash::DIGITS)?;
        self.0 = rest;
        self.literal("\"")?;
        Hash::parse(digits.as_bytes())
    }
}

/// How long the escape is that `bytes` begin with.
fn escape(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' if bytes.get(2..6)?.iter().all(u8::is_ascii_hexdigit) => Some(6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{AgentId, Caller};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_600_000_000_000);

    fn entry() -> Entry {
        let caller = Caller {
            agent: AgentId::captain(),
            incarnation: Some("01h".into()),
            uid: 1000,
            login: None,
            guest: None,
        };
        let mut entry = Entry::new("agent.stop", &caller, "agent-1", Verdict::Refused);
        entry.rule = "agents-stop-nobody".into();
        entry.why = "\"no\"\n\u{1b}[31m\\ é".into();
        entry.detail = vec![("a".into(), "1".into()), ("b\"".into(), String::new())];
        entry
    }

    fn line(entry: &Entry) -> (Vec<u8>, Head) {
        let mut line = Vec::new();
        let head = entry.spell(&mut line, Head::NONE, NOW, 7);
        assert_eq!(line.pop(), Some(b'\n'));
        (line, head)
    }

    #[test]
    fn a_record_is_what_the_contract_says_and_read_back_as_it_was() {
        let (line, head) = line(&entry());
        let zeros = "0".repeat(64);
        let body = format!(
            "{}{}{}",
            r#"{"v":1,"n":1,"ts":"2020-09-13T12:26:40.000Z","verb":"agent.stop","who":"captain","target":"agent-1","#,
            r#""verdict":"refused","rule":"agents-stop-nobody","policy":null,"uid":1000,"login":null,"incarnation":"01h","#,
            r#""pid":7,"why":"\"no\"\n\u001b[31m\\ é","detail":{"a":"1","b\"":""},"prev":""#,
        ) + &zeros
            + "\"";
        let mut hashed = vec![0; 32];
        hashed.extend_from_slice(body.as_bytes());
        hashed.push(b'}');
        let hash = Hash::of(&hashed);
        assert_eq!(
            String::from_utf8_lossy(&line),
            format!("{body},\"hash\":\"{hash}\"}}")
        );
        let record = Record::parse(&line).unwrap();
        assert_eq!((record.head, record.at, record.pid), (head, NOW, 7));
        assert_eq!(record.entry, entry());
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["why"], entry().why);
    }

    #[test]
    fn what_is_too_long_is_cut_and_what_is_too_much_is_left_out() {
        let mut long = entry();
        long.who = "é".repeat(5000);
        long.why = "\u{1}".repeat(1 << 20);
        long.detail = vec![("k".repeat(5000).into(), "\u{1}".repeat(5000)); 1000];
        let (line, _) = line(&long);
        assert!(line.len() < 128 << 10, "{}", line.len());
        let record = Record::parse(&line).unwrap();
        assert!(record.entry.who.ends_with("é… (10000 bytes)"));
        assert_eq!(record.entry.detail.len(), 16);
    }

    #[test]
    fn another_layout_is_no_record_even_with_a_hash_of_its_own() {
        let (line, _) = line(&entry());
        let text = String::from_utf8(line).unwrap();
        let end = text.len() - ",\"hash\":\"\"}".len() - 64;
        for (from, to) in [
            ("\"n\":1", "\"n\":01"),
            ("\"n\":1", "\"n\": 1"),
            ("\"n\":1", "\"n\":0"),
            ("\"pid\":7", "\"pid\":7,\"pid\":8"),
            ("refused", "waved"),
            (r#""why":"\"no"#, r#""why":"\x"#),
            (r"\n", "\n"),
            ("\"detail\":{", "\"detail\":{,"),
            (r#"{"v":1"#, r#"{"v":2"#),
            ("2020-09-13T12:26:40.000Z", "2020-09-13"),
        ] {
            let body = text[..end].replacen(from, to, 1);
            assert_ne!(body, text[..end], "{from}");
            let hash = Hash::chained(Hash::NONE, body.as_bytes());
            let forged = format!("{body},\"hash\":\"{hash}\"}}");
            assert!(Raw::parse(forged.as_bytes()).is_none(), "{forged}");
        }
        assert!(Raw::parse(format!("{text} ").as_bytes()).is_none());
        assert_eq!(newer(br#"{"v":2,"n":1}"#), Some(2));
        assert_eq!(newer(text.as_bytes()), None);
    }

    #[test]
    fn one_changed_bit_is_seen() {
        let (line, _) = line(&entry());
        for at in 0..line.len() {
            let mut broken = line.clone();
            broken[at] ^= 1;
            assert!(
                Record::parse(&broken).is_none(),
                "a flipped bit at {at} passed"
            );
        }
    }
}

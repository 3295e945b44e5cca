//! Names that few fragments share: commits, branches, files, ids. Never addresses, versions, times or tenants: those tell
//! where and when, not what.

use super::bytes::keep_fields;
use super::fading::Fading;
use super::words::number;

/// In more fragments than these it is no rare name any more.
const RARE: u16 = 6;
/// A line of a log says little else of what it belongs to, and a piece of work writes many.
const RARE_IN_LOGS: u16 = 32;
/// As many of one fragment are looked at.
const READ: usize = 8;
/// What lies behind the beginning of a long text names too much.
const BYTES: usize = 2000;
/// Shorter names are no identifiers, unless their beginning says so.
const SHORTEST: usize = 6;

/// Who named what last.
#[derive(Default)]
pub(super) struct Identifiers {
    seen: Fading<Named>,
}
keep_fields!(Identifiers { seen });

#[derive(Clone, Copy)]
struct Named {
    ordinal: u32,
    fragments: u16,
}
keep_fields!(Named { ordinal, fragments });

/// The last fragment that names the same.
pub(super) struct Shared {
    pub(super) ordinal: u32,
    /// 1 where only one other has named it, less the more there are.
    pub(super) score: f32,
}

impl Identifiers {
    /// The fragments that share something with this one, by the rarest first; from now on this one is the last of them.
    /// What is said in a channel is looked for in that channel.
    pub(super) fn note(
        &mut self,
        ordinal: u32,
        channel: u32,
        log: bool,
        identifiers: &[u32],
    ) -> Vec<Shared> {
        let rare = if log { RARE_IN_LOGS } else { RARE };
        let mut shared = Vec::new();
        for identifier in identifiers.iter().map(|identifier| identifier ^ channel) {
            let before = self.seen.get(identifier);
            let fragments = before.map_or(0, |before| before.fragments);
            let named = Named {
                ordinal,
                fragments: fragments.saturating_add(1),
            };
            self.seen.set(identifier, named);
            if let Some(before) = before.filter(|before| before.fragments < rare) {
                shared.push(Shared {
                    ordinal: before.ordinal,
                    score: 1.0 / (0.9 + 0.1 * f32::from(before.fragments)),
                });
            }
        }
        shared.sort_by(|one, other| {
            let rarer = other.score.total_cmp(&one.score);
            rarer.then(other.ordinal.cmp(&one.ordinal))
        });
        shared
    }

    pub(super) fn sound(&self) -> bool {
        self.seen.sound()
    }
}

/// What a text names, each once. `is_agent` knows the names of agents.
pub(super) fn of(text: &str, is_agent: impl Fn(u32) -> bool) -> Vec<u32> {
    let bytes = text.as_bytes();
    let bytes = &bytes[..bytes.len().min(BYTES)];
    let mut found = Vec::new();
    let mut key: &[u8] = b"";
    for token in bytes.split(|&byte| !is_inside(byte)) {
        let token = trim(token);
        if token.is_empty() {
            continue;
        }
        if may_be(token) && !is_one_of(&OF_OTHERS, key) && names(token) {
            // Bytes of a text cut between ASCII marks, or at the end of what is read.
            let token = String::from_utf8_lossy(token);
            let identifier = number(&token);
            if !is_agent(identifier) && !found.contains(&identifier) {
                found.push(identifier);
                if found.len() == READ {
                    break;
                }
            }
        }
        key = token;
    }
    found
}

/// Keys whose values tell where or whose something is.
const OF_OTHERS: [&str; 24] = [
    "account",
    "addr",
    "address",
    "agent",
    "assignee",
    "client",
    "customer",
    "dest",
    "email",
    "from",
    "host",
    "hostname",
    "ip",
    "node",
    "org",
    "organization",
    "owner",
    "port",
    "rhost",
    "server",
    "tenant",
    "to",
    "user",
    "worker",
];
/// What a short name with a number behind it is of, where it is no machine.
const OF_WORK: [&str; 16] = [
    "bug", "build", "change", "commit", "issue", "job", "mr", "order", "pr", "req", "request",
    "run", "session", "task", "ticket", "trace",
];
const OF_BRANCHES: [&str; 8] = [
    "bugfix", "chore", "feat", "feature", "fix", "hotfix", "release", "topic",
];

fn is_one_of(words: &[&str], word: &[u8]) -> bool {
    words
        .iter()
        .any(|one| one.as_bytes().eq_ignore_ascii_case(word))
}

fn is_inside(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'/' | b'#' | b'@')
        || byte >= 0x80
}

fn trim(token: &[u8]) -> &[u8] {
    let is_mark = |byte: &u8| matches!(byte, b'-' | b'_' | b'.' | b'@');
    let start = token.iter().position(|byte| !is_mark(byte));
    let end = token
        .iter()
        .rposition(|byte| !is_mark(byte) && !matches!(byte, b'/' | b'#'));
    match (start, end) {
        (Some(start), Some(end)) if start <= end => &token[start..=end],
        _ => b"",
    }
}

/// The quick look, for nearly all words are none.
fn may_be(token: &[u8]) -> bool {
    token.len() >= 3
        && token
            .iter()
            .any(|&byte| byte.is_ascii_digit() || byte == b'/')
}

fn names(token: &[u8]) -> bool {
    if let Some(number) = token.strip_prefix(b"#") {
        return number.len() >= 3 && number.iter().all(u8::is_ascii_digit);
    }
    if token.contains(&b'@') {
        return false;
    }
    if token.contains(&b'/') {
        return names_path(token);
    }
    let digits = token.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = token
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    digits > 0
        && letters > 0
        && !is_measure(token)
        && !is_version_or_host(token)
        && names_work_or_enough(token, digits)
}

/// A page of the web, a file, or a branch by its first part. What else has a slash may be an agent, or a rate.
fn names_path(token: &[u8]) -> bool {
    if let Some(page) = token.strip_prefix(b"//") {
        let path = page.iter().position(|&byte| byte == b'/');
        return path.is_some_and(|path| page.len() > path + 4);
    }
    let mut parts = token.split(|&byte| byte == b'/');
    let branch = parts
        .next()
        .is_some_and(|first| is_one_of(&OF_BRANCHES, first));
    let last = parts.next_back().unwrap_or_default();
    let ending = last.iter().rposition(|&byte| byte == b'.');
    let file = ending.is_some_and(|dot| {
        let ending = &last[dot + 1..];
        dot > 0
            && (1..=5).contains(&ending.len())
            && ending[0].is_ascii_alphabetic()
            && ending.iter().all(u8::is_ascii_alphanumeric)
    });
    last.len() >= 3 && (branch || file)
}

/// `250ms`, `35-line`, `0x7f3a`, `2026-02-27T07`.
fn is_measure(token: &[u8]) -> bool {
    let number = token
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
        .count();
    let rest = &token[number..];
    let dashed = token[..number].ends_with(b"-");
    let unit = (dashed || rest.len() <= 3) && rest.iter().all(u8::is_ascii_alphabetic);
    let date = number >= 10
        && rest
            .first()
            .is_some_and(|letter| matches!(letter, b'T' | b't'));
    number > 0 && (unit || date) || token.starts_with(b"0x")
}

/// `1.2.3-rc1`, `v2.0`, `a.b.example`.
fn is_version_or_host(token: &[u8]) -> bool {
    let bare = token.strip_prefix(b"v").unwrap_or(token);
    let mut after = token.splitn(3, |&byte| byte == b'.').skip(1);
    let (one, two) = (after.next().is_some(), after.next().is_some());
    two || one && bare.first().is_some_and(u8::is_ascii_digit)
}

/// `worker-12` is a machine, `task-12`, `PROJ-12` and whatever has more digits is not.
fn names_work_or_enough(token: &[u8], digits: usize) -> bool {
    let word = token
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let after = &token[word..];
    let tail = after
        .strip_prefix(b"-")
        .or(after.strip_prefix(b"_"))
        .unwrap_or(after);
    let numbered = word > 0 && tail.iter().all(u8::is_ascii_digit);
    if !numbered {
        return token.len() >= SHORTEST;
    }
    let loud =
        word >= 2 && token[..word].iter().all(u8::is_ascii_uppercase) && tail.len() < after.len();
    is_one_of(&OF_WORK, &token[..word]) || loud || digits > 3 && token.len() >= SHORTEST
}

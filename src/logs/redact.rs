//! What never stands in a log, whoever hands it over: bodies of mail, and what opens a door. Pure.

use std::borrow::Cow;

const GONE: &str = "[redacted]";

/// Fields whose value nobody reads here; as whole names and as the end of one, `discord_token`.
const NAMES: [&str; 12] = [
    "content",
    "body",
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "authorization",
    "cookie",
    "credential",
    "api_key",
    "private_key",
];

/// How secrets begin that their issuers mark (source: the issuers' own documentation).
const MARKS: [&str; 14] = [
    "sk-",
    "sk_live_",
    "rk_live_",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "AGE-SECRET-KEY-1",
    "eyJhbGciOi",
];
/// Shorter words only look like one.
const LEAST: usize = 16;

pub(super) fn is_secret(name: &str) -> bool {
    let is = |secret: &str| {
        name.len() >= secret.len()
            && name.is_char_boundary(name.len() - secret.len())
            && name[name.len() - secret.len()..].eq_ignore_ascii_case(secret)
            && matches!(
                name.as_bytes().iter().nth_back(secret.len()),
                None | Some(b'_' | b'-' | b'.')
            )
    };
    NAMES.into_iter().any(is)
}

/// A text without the secrets that are known by how they look.
pub fn text(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut done = 0;
    let mut word = 0;
    while word < text.len() {
        let end = text[word..].find(is_gap).map_or(text.len(), |n| word + n);
        if end - word >= LEAST && MARKS.iter().any(|mark| text[word..end].starts_with(mark)) {
            out.push_str(&text[done..word]);
            out.push_str(GONE);
            done = end;
        }
        word = end + text[end..].chars().next().map_or(0, char::len_utf8);
    }
    if done == 0 {
        return text.into();
    }
    out.push_str(&text[done..]);
    out.into()
}

fn is_gap(c: char) -> bool {
    !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/'))
}

pub(super) const fn gone() -> &'static str {
    GONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_secret_by_its_name() {
        for name in [
            "token",
            "discord_token",
            "API_KEY",
            "x-authorization",
            "content",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["tokens", "seq", "contents", "keys", "detoken", "é"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_secret_in_a_text_goes_and_nothing_else() {
        let key = &format!("sk-{}", "0123456789abcdef");
        assert_eq!(
            text(&format!("with {key}, then é")),
            "with [redacted], then é"
        );
        assert_eq!(
            text(&format!("a=\"{key}\" b={key}")),
            "a=\"[redacted]\" b=[redacted]"
        );
        for plain in [
            "",
            "sk-short",
            "ask-0123456789abcdef",
            "é",
            "task t5 waits for t4",
        ] {
            assert!(
                matches!(text(plain), Cow::Borrowed(same) if same == plain),
                "{plain}"
            );
        }
    }
}

//! Whether what stands in a file in plain text looks like a secret that belongs into the store. Pure.

/// How keys end whose values are secret.
const NAMES: [&str; 12] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    "credential",
    "credentials",
    "authorization",
];

/// How secrets begin that their issuers mark, and what they are (source: the issuers' own documentation).
const MARKS: [(&str, &str); 23] = [
    ("sk-", "an API key (sk-…)"),
    ("sk_live_", "a Stripe key"),
    ("rk_live_", "a Stripe key"),
    ("ghp_", "a GitHub token"),
    ("gho_", "a GitHub token"),
    ("ghu_", "a GitHub token"),
    ("ghs_", "a GitHub token"),
    ("ghr_", "a GitHub token"),
    ("github_pat_", "a GitHub token"),
    ("glpat-", "a GitLab token"),
    ("xoxb-", "a Slack token"),
    ("xoxp-", "a Slack token"),
    ("xoxa-", "a Slack token"),
    ("xoxr-", "a Slack token"),
    ("xoxs-", "a Slack token"),
    ("xapp-", "a Slack token"),
    ("AKIA", "an AWS access key"),
    ("ASIA", "an AWS access key"),
    ("AIza", "a Google API key"),
    ("npm_", "an npm token"),
    ("hf_", "a Hugging Face token"),
    ("AGE-SECRET-KEY-1", "an age key"),
    ("AGE-PLUGIN-", "an age key"),
];

/// Shorter words only look like one.
const LEAST_MARKED: usize = 16;
/// Shorter ones may be words of a language.
const LEAST_RANDOM: usize = 20;
/// Of so many different characters is hardly a word, and nearly every random text.
const LEAST_DIFFERENT: usize = 10;

/// What the value under a key of a file looks like, if it is a secret in plain text. What names a secret elsewhere (a
/// variable, a file) or stands for one (`<token>`) is none.
pub fn looks_secret(key: &str, value: &str) -> Option<&'static str> {
    let value = value.trim();
    let value = value.strip_prefix("Bearer ").unwrap_or(value);
    let value = value.strip_prefix("Bot ").unwrap_or(value);
    if value.contains("-----BEGIN ") && value.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    if value.bytes().any(|b| !b.is_ascii_graphic()) {
        return None;
    }
    marked(value)
        .or_else(|| is_jwt(value).then_some("a JSON web token"))
        .or_else(|| is_discord(value).then_some("a Discord bot token"))
        .or_else(|| (is_named_secret(key) && is_random(value)).then_some("a long random value"))
}

/// The lines of a file of settings, counted from 1, whose values look so.
pub(super) fn in_text(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(nth, line)| {
        let (key, value) = line.split_once([':', '=']).unwrap_or(("", line));
        let bare = |text: &str| {
            text.trim_matches(|c: char| c.is_whitespace() || "\"',-{}[]".contains(c))
                .to_owned()
        };
        looks_secret(&bare(key), &bare(value)).map(|what| (nth + 1, what))
    })
}

fn marked(value: &str) -> Option<&'static str> {
    let (_, what) = MARKS.iter().find(|(mark, _)| {
        let rest = value.strip_prefix(mark);
        rest.is_some_and(|rest| value.len() >= LEAST_MARKED && rest.bytes().all(is_word))
    })?;
    Some(what)
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

/// `{"` in base64, three parts (RFC 7519).
fn is_jwt(value: &str) -> bool {
    let parts: Vec<&str> = value.split('.').collect();
    matches!(parts[..], [head, body, _] if head.starts_with("eyJ") && body.starts_with("eyJ"))
        && parts.iter().all(|part| part.bytes().all(is_word))
}

/// The id of the bot in base64 (17 to 20 digits), the time, a hash.
fn is_discord(value: &str) -> bool {
    let parts: Vec<&str> = value.split('.').collect();
    let [id, time, hash] = parts[..] else {
        return false;
    };
    let digits = data_encoding::BASE64URL_NOPAD.decode(id.trim_end_matches('=').as_bytes());
    let is_id =
        digits.is_ok_and(|it| (17..=20).contains(&it.len()) && it.iter().all(u8::is_ascii_digit));
    is_id
        && (5..=8).contains(&time.len())
        && (27..=45).contains(&hash.len())
        && [time, hash].iter().all(|part| part.bytes().all(is_word))
}

fn is_named_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace(['-', '.'], "_");
    NAMES.iter().any(|name| {
        let before = key.strip_suffix(name);
        before.is_some_and(|before| before.is_empty() || before.ends_with('_'))
    })
}

fn is_random(value: &str) -> bool {
    let names_another = value.starts_with(['/', '~', '$', '<', '{', '%', '@', '.'])
        || ["://", "env:", "file:", "secret:"]
            .iter()
            .any(|it| value.contains(it));
    let mut seen = [false; 128];
    for b in value.bytes() {
        seen[usize::from(b & 127)] = true;
    }
    let different = seen.iter().filter(|it| **it).count();
    let has = |is: fn(&u8) -> bool| value.as_bytes().iter().any(is);
    !names_another
        && value.len() >= LEAST_RANDOM
        && different >= LEAST_DIFFERENT
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_file_are_told_by_their_numbers() {
        let text = "version: 1\n# token: none\nbot:\n  token: 'ghp_0123456789abcdefghij0123456789abcdef'\n  name: helper\n";
        let found: Vec<_> = in_text(text).collect();
        assert_eq!(found, [(4, "a GitHub token")]);
        let json = "{\n  \"api_key\": \"AKIAIOSFODNN7EXAMPLE\",\n  \"size\": 3\n}\n";
        assert_eq!(
            in_text(json).collect::<Vec<_>>(),
            [(2, "an AWS access key")]
        );
    }

    #[test]
    fn what_is_a_secret_is_named() {
        let tail = "0123456789abcdefABCD";
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
        // Put together here, so that nobody takes this file for a leak.
        let discord = [
            "MTIzNDU2Nzg5MDEyMzQ1Njc4",
            "GabcDE",
            "abcdefghijklmnopqrstuvwxyz012345678901",
        ]
        .join(".");
        let pem = ["-----BEGIN OPENSSH ", "PRIVATE KEY-----\nb3Blbn\n"].concat();
        for (key, value, what) in [
            ("model", format!("sk-{tail}"), "an API key (sk-…)"),
            ("x", format!("sk-ant-api03-{tail}"), "an API key (sk-…)"),
            ("x", format!("ghp_{tail}"), "a GitHub token"),
            ("x", format!("github_pat_{tail}"), "a GitHub token"),
            ("x", format!("xoxb-1234-{tail}"), "a Slack token"),
            (
                "x",
                format!("AKIA{}", "IOSFODNN7EXAMPLE"),
                "an AWS access key",
            ),
            ("x", format!("AGE-SECRET-KEY-1{tail}"), "an age key"),
            ("header", format!("Bearer {jwt}"), "a JSON web token"),
            ("bot", discord.clone(), "a Discord bot token"),
            ("bot", format!(" Bot {discord}\n"), "a Discord bot token"),
            ("note", pem, "a private key"),
            ("discord.token", tail.into(), "a long random value"),
            ("API-KEY", tail.into(), "a long random value"),
            (
                "db_password",
                "a8$kQ!2zm&Wp0rT@5xLe".into(),
                "a long random value",
            ),
        ] {
            assert_eq!(looks_secret(key, &value), Some(what), "{key}: {value}");
        }
    }

    #[test]
    fn what_is_none_is_not() {
        for (key, value) in [
            ("token", ""),
            ("token", "${DISCORD_TOKEN_0123456789}"),
            ("token", "$DISCORD_TOKEN_0123456789"),
            ("token", "<your-token-0123456789>"),
            ("token", "env:DISCORD_TOKEN_0123456789"),
            ("password", "/run/secrets/db-password-01"),
            ("secret", "secret:discord_token_0123456"),
            ("token", "https://example.org/token/0123456789"),
            ("token", "00000000000000000000000000"),
            ("password", "correct-horse-battery-staple"),
            ("token", "the token of the first bot 0123"),
            ("tokens", "0123456789abcdefABCD"),
            ("monkey", "0123456789abcdefABCD"),
            ("command", "claude --session 01jd8x0123456789abcdef"),
            ("model", "sk-short"),
            ("note", "ask-0123456789abcdef"),
            ("note", "sk-0123456789abcdef.json"),
            ("version", "1.2.3"),
            ("host", "a.b.c"),
            ("commit", "fa33cd8f0e1d2c3b4a5968778695a4b3c2d1e0ff"),
            ("key", "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"),
            ("ed25519", "-----BEGIN PUBLIC KEY-----"),
        ] {
            assert_eq!(looks_secret(key, value), None, "{key}: {value}");
        }
    }
}

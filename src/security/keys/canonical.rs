//! The bytes that are signed: what a message says, spelled in the one way of RFC 8785. Pure.

use super::signature::Nonce;
use crate::names::{AgentId, Mode};
use crate::time::Timestamp;

/// What a signature of ours is of: nothing else that is signed with the same key can be taken for it.
const DOMAIN: &str = "dreamos.message/1";

/// Members that came later: what was signed before has none of them.
const LATER: [&str; 3] = ["origin", "sealed", "taint"];

/// The member that is a number.
const HOPS: &str = "hops";

/// What a message says; its signature covers all of it.
#[derive(Clone, Copy, Debug)]
pub struct Content<'m> {
    pub from: &'m AgentId,
    pub to: &'m AgentId,
    pub mode: Mode,
    pub content: &'m str,
    /// Ids as the message spells them.
    pub reply_to: Option<&'m str>,
    pub thread: Option<&'m str>,
    /// Spelled only where there are any: a signature of before they were counted is one still.
    pub hops: u32,
    /// Where it came from and by what it was touched; a message without them is spelled without them.
    pub origin: Option<&'m str>,
    pub taint: Option<&'m str>,
    /// How its content is sealed.
    pub sealed: Option<&'m str>,
    pub not_before: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// SHA-256 of each, in hexadecimal, in the order of the message.
    pub attachments: &'m [&'m str],
}

/// One JSON object without blanks, its members by name. Every name here is ASCII, so that the order of bytes is that of
/// UTF-16 units, which the RFC asks for.
pub(super) fn canonical(message: &Content<'_>, nonce: Nonce, at: Timestamp) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.content.len() + 512);
    out.extend_from_slice(b"{\"attachments\":[");
    for (nth, file) in message.attachments.iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        string(&mut out, file);
    }
    out.push(b']');
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let (not_before, expires_at) = (time(message.not_before), time(message.expires_at));
    for (name, value) in [
        ("content", Some(message.content)),
        ("expires_at", expires_at.as_deref()),
        ("from", Some(message.from.as_str())),
        (HOPS, None),
        ("mode", Some(message.mode.as_str())),
        ("nonce", Some(&*nonce.to_string())),
        ("not_before", not_before.as_deref()),
        ("origin", message.origin),
        ("reply_to", message.reply_to),
        ("sealed", message.sealed),
        ("signed_at", Some(&*at.to_string())),
        ("t", Some(DOMAIN)),
        ("taint", message.taint),
        ("thread", message.thread),
        ("to", Some(message.to.as_str())),
    ] {
        let is_left_out = if name == HOPS {
            message.hops == 0
        } else {
            value.is_none() && LATER.contains(&name)
        };
        if is_left_out {
            continue;
        }
        out.push(b',');
        string(&mut out, name);
        out.push(b':');
        match value {
            Some(text) => string(&mut out, text),
            None if name == HOPS => out.extend_from_slice(message.hops.to_string().as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
    out
}

/// `serde_json` escapes what the RFC does (§3.2.2.2), in the same spelling: the quote, the backslash and control
/// characters, these by a letter where there is one, else `\u00` and two small digits.
fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("memory takes it");
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_unix_ms(1_600_000_000_123);
    const NONCE: Nonce = Nonce::from_bits(0xab);

    fn spelled(message: &Content<'_>) -> String {
        String::from_utf8(canonical(message, NONCE, AT)).unwrap()
    }

    #[test]
    fn a_message_is_spelled_as_written_by_hand() {
        let (from, to) = (AgentId::captain(), AgentId::parse("agent-3").unwrap());
        let plain = Content {
            from: &from,
            to: &to,
            mode: Mode::Normal,
            content: "resume",
            reply_to: None,
            thread: None,
            hops: 0,
            origin: None,
            taint: None,
            sealed: None,
            not_before: None,
            expires_at: None,
            attachments: &[],
        };
        assert_eq!(
            spelled(&plain),
            r#"{"attachments":[],"content":"resume","expires_at":null,"from":"captain","mode":"NORMAL","nonce":"000000000000000000000000000000ab","not_before":null,"reply_to":null,"signed_at":"2020-09-13T12:26:40.123Z","t":"dreamos.message/1","thread":null,"to":"agent-3"}"#
        );
        let full = Content {
            mode: Mode::Priority,
            content: "a\"b\\c/\u{8}\t\n\u{c}\r\u{0}\u{1f}\u{7f}é€😀\u{2028}\u{fb33}",
            reply_to: Some("01jd8x"),
            thread: Some(""),
            hops: 4_294_967_295,
            not_before: Some(Timestamp::from_unix_ms(0)),
            expires_at: Some(AT),
            attachments: &["aa", "bb"],
            ..plain
        };
        let by_hand = concat!(
            r#"{"attachments":["aa","bb"],"content":"a\"b\\c/\b\t\n\f\r\u0000\u001f"#,
            "\u{7f}é€😀\u{2028}\u{fb33}",
            r#"","expires_at":"2020-09-13T12:26:40.123Z","from":"captain","hops":4294967295,"mode":"PRIORITY","nonce":"000000000000000000000000000000ab","not_before":"1970-01-01T00:00:00.000Z","reply_to":"01jd8x","signed_at":"2020-09-13T12:26:40.123Z","t":"dreamos.message/1","thread":"","to":"agent-3"}"#
        );
        assert_eq!(spelled(&full), by_hand);
    }

    #[test]
    fn members_stand_in_the_order_of_their_names() {
        let from = AgentId::captain();
        let message = Content {
            from: &from,
            to: &from,
            mode: Mode::Bulk,
            content: "",
            reply_to: None,
            thread: None,
            hops: 7,
            origin: None,
            taint: None,
            sealed: None,
            not_before: None,
            expires_at: None,
            attachments: &[],
        };
        let spelled = canonical(&message, NONCE, AT);
        let members: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&spelled).unwrap();
        assert_eq!(members.len(), 12 + 1);
        assert!(members.keys().is_sorted(), "{members:?}");
    }
}

//! What an agent proves by that it is that agent.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::AgentId;

/// As its file holds it: one JSON object, 0600.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub agent: AgentId,
    /// The life that it was handed to; `None`: it was issued to what nobody supervises, as a cron job.
    pub incarnation: Option<String>,
    secret: String,
}

impl Token {
    /// `random` is used for nothing else.
    pub fn new(agent: AgentId, incarnation: Option<String>, random: [u128; 2]) -> Self {
        let [high, low] = random;
        Self {
            agent,
            incarnation,
            secret: format!("{high:032x}{low:032x}"),
        }
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub fn to_text(&self) -> String {
        format!("{}\n", serde_json::json!(self))
    }

    /// For nobody's eyes.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            agent, incarnation, ..
        } = self;
        write!(f, "Token({agent}, {incarnation:?})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_written_and_its_secret_is_shown_nowhere_else() {
        let agent = AgentId::parse("agent-1").unwrap();
        let token = Token::new(agent, Some("b".into()), [0xabc_def0, 1]);
        let text = token.to_text();
        assert_eq!(Token::parse(text.as_bytes()), Some(token.clone()));
        assert!(text.contains("abcdef0"));
        assert!(!format!("{token:?}").contains("abcdef0"));
        for cut in 0..text.len() - 1 {
            assert_eq!(Token::parse(&text.as_bytes()[..cut]), None);
        }
    }
}

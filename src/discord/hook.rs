//! A webhook: whoever knows its address posts into one channel, without a bot and without an answer. The address is a secret.

use super::budget;
use super::error::Error;
use super::split::{LONGEST, split};
use super::wire::{self, Unhooked};

/// As in the original.
const TRIES: u32 = 3;

/// Where Discord takes what is posted: `https://discord.com/api/webhooks/NUMBER/TOKEN`, below any of its hosts.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    pub(super) id: u64,
    pub(super) token: String,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "webhook {}", self.id)
    }
}

impl Webhook {
    pub fn parse(address: &str) -> Result<Self, Error> {
        let found = address.trim().strip_prefix("https://").and_then(|rest| {
            let (host, path) = rest.split_once('/')?;
            let is_discord = ["discord.com", "discordapp.com"]
                .iter()
                .any(|it| host == *it || host.strip_suffix(it).is_some_and(|it| it.ends_with('.')));
            let (_, named) = path.split_once("webhooks/").filter(|_| is_discord)?;
            let (id, token) = named.trim_end_matches('/').split_once('/')?;
            let is_token = |it: &str| {
                !it.is_empty()
                    && it
                        .bytes()
                        .all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
            };
            let id = id.parse().ok().filter(|it| *it > 0)?;
            is_token(token).then(|| Self {
                id,
                token: token.to_owned(),
            })
        });
        found.ok_or(Error::NoWebhook)
    }
}

/// A text, in as many messages as it takes; their numbers. What may have been posted already is not tried again: whoever asks
/// is told how much surely was.
pub fn post(
    webhook: &Webhook,
    text: &str,
    username: Option<&str>,
    thread: Option<u64>,
) -> Result<Vec<u64>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Error::Wire(error.to_string()))?;
    super::voice::choose_tls();
    // As of all that the bot posts.
    let pieces = split(&crate::logs::redacted(text), LONGEST);
    let mut posted = Vec::new();
    for piece in &pieces {
        let mut attempt = 0;
        let message = loop {
            let came = runtime.block_on(wire::post_to(webhook, piece, username, thread));
            match came {
                Ok(message) => break message,
                Err(Unhooked::Before(_)) if attempt + 1 < TRIES => {
                    std::thread::sleep(budget::pause(attempt));
                    attempt += 1;
                }
                Err(Unhooked::Before(why) | Unhooked::Never(why)) if posted.is_empty() => {
                    return Err(Error::Wire(why));
                }
                Err(Unhooked::Before(why) | Unhooked::Never(why)) => {
                    let (posted, of) = (posted.len(), pieces.len());
                    return Err(Error::InPart { posted, of, why });
                }
                Err(Unhooked::Unsure(why)) => {
                    let (posted, of) = (posted.len(), pieces.len());
                    return Err(Error::Unsure { posted, of, why });
                }
            }
        };
        posted.push(message);
    }
    Ok(posted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_a_webhook_of_discord() {
        let it = Webhook::parse("https://discord.com/api/webhooks/6001/a-b_c\n").unwrap();
        assert_eq!((it.id, it.token.as_str()), (6001, "a-b_c"));
        assert_eq!(format!("{it:?}"), "webhook 6001");
        assert!(Webhook::parse("https://canary.discord.com/api/v10/webhooks/6001/abc/").is_ok());
        for address in [
            "",
            "http://discord.com/api/webhooks/6001/abc",
            "https://evildiscord.com/api/webhooks/6001/abc",
            "https://discord.com/api/webhooks/0/abc",
            "https://discord.com/api/webhooks/6001/",
            "https://discord.com/api/webhooks/6001/abc?wait=1",
            "https://discord.com/api/channels/6001/abc",
        ] {
            let error = Webhook::parse(address).unwrap_err();
            assert!(!error.to_string().contains("abc"), "{address}");
        }
    }
}

//! Whether all is there that the bot needs: token, intents, channels and what it may do there.

use super::error::Error;
use super::settings::Settings;
use super::wire::Api;

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub what: String,
    pub is_fine: bool,
    pub told: String,
}

impl Finding {
    fn new(what: &str, is_fine: bool, told: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            is_fine,
            told: told.into(),
        }
    }
}

/// Everything that can be known without a connection to the gateway.
pub fn check(settings: &Settings, token: &str) -> Result<Vec<Finding>, Error> {
    super::voice::choose_tls();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Error::Wire(error.to_string()))?;
    runtime.block_on(look(settings, &Api::new(token)))
}

async fn look(settings: &Settings, api: &Api) -> Result<Vec<Finding>, Error> {
    let mut found = vec![match api.whoami().await {
        Ok(name) => Finding::new("token", true, format!("of {name}")),
        Err(Error::BadToken) => {
            return Ok(vec![Finding::new(
                "token",
                false,
                Error::BadToken.to_string(),
            )]);
        }
        Err(error) => return Err(error),
    }];
    if settings.message_content {
        let granted = api.may_read_content().await?;
        let told = if granted {
            "granted"
        } else {
            "not granted on Discord's developer page"
        };
        found.push(Finding::new("message content intent", granted, told));
    }
    let channels = &settings.channels;
    for (what, channel) in [
        ("channels.alerts", channels.alerts),
        ("channels.devlog", channels.devlog),
        ("channels.logs", channels.logs),
        ("channels.announcements", channels.announcements),
        ("channels.voice", channels.voice),
    ] {
        let Some(channel) = channel else { continue };
        found.push(match api.channel(channel.0).await {
            Ok((name, missing)) if missing.is_empty() => {
                Finding::new(what, true, format!("#{name}"))
            }
            Ok((name, missing)) => Finding::new(
                what,
                false,
                format!("#{name}: not allowed there: {}", missing.join(", ")),
            ),
            Err(error) => Finding::new(what, false, error.to_string()),
        });
    }
    Ok(found)
}

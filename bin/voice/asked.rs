//! Which engine, voice and pace is meant, and the text: arguments first, then what `config/voice.yaml` says.

use dreamos::cli::{Context, Error, Failure, whole_bytes};
use dreamos::root;
use dreamos::speech::{self, Choice, Engine, Manner, Rate, Settings, choose_tls};

/// An hour of speech.
const LONGEST: usize = 64 << 10;

// No doc comments on these: clap would take them for the description of the verb.
#[derive(clap::Args)]
pub(crate) struct How {
    /// As the engine names it: `voice list`
    #[arg(long, value_name = "VOICE")]
    voice: Option<String>,
    /// Per cent of the engine's own pace: 50 to 300
    #[arg(long, value_name = "PERCENT")]
    rate: Option<u16>,
}

impl How {
    /// A voice of the settings is one of their engine.
    pub(crate) fn manner(self, settings: Settings, engine: Choice) -> Result<Manner, Failure> {
        let own = settings.voice.filter(|_| settings.engine == engine);
        Ok(Manner {
            voice: self.voice.or(own),
            rate: self
                .rate
                .map_or(Ok(settings.rate), Rate::try_from)
                .map_err(|error: speech::Error| Failure::from(error))?,
        })
    }
}

/// What a home says, where there is one.
pub(crate) fn settings(context: &Context) -> Result<Settings, Failure> {
    match context.home() {
        Ok(home) => Ok(Settings::load(&home)?),
        Err(root::Error::NoHome) => Ok(Settings::default()),
        Err(error) => Err(error.into()),
    }
}

/// By its name; else that of the settings.
pub(crate) fn choice(named: Option<&str>, settings: &Settings) -> Result<Choice, Failure> {
    Ok(named.map_or(Ok(settings.engine), str::parse::<Choice>)?)
}

/// Ready to speak, over a network too.
pub(crate) fn engine(context: &Context, choice: Choice) -> Result<Box<dyn Engine>, Failure> {
    choose_tls();
    Ok(choice.engine(proxy(context).as_deref())?)
}

/// As curl has it; an empty variable is none, and a scheme may be left out.
fn proxy(context: &Context) -> Option<String> {
    let said = ["HTTPS_PROXY", "https_proxy"]
        .iter()
        .find_map(|it| context.variable(it))?
        .into_string()
        .ok()?;
    Some(if said.contains("://") {
        said
    } else {
        format!("http://{said}")
    })
}

/// TEXT; `-`: what stands on standard input.
pub(crate) fn text(text: &str) -> Result<String, Failure> {
    let text = match text {
        "-" => String::from_utf8_lossy(&whole_bytes(LONGEST + 1)?).into_owned(),
        text => text.to_owned(),
    };
    if text.len() > LONGEST {
        let most = LONGEST >> 10;
        return Err(
            Error::advice(format!("more than {most} KiB to say"), "say it in parts").into(),
        );
    }
    Ok(text)
}

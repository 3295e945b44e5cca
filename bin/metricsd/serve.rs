use std::path::PathBuf;

use dreamos::cli::{Context, Exit, Failure, Interrupt, Run};
use dreamos::metrics::{Server, Token, diagnose};
use dreamos::names::AgentId;
use serde::Serialize;

/// Answer on /metrics and /healthz until Ctrl-C or SIGTERM
///
/// Without a token it listens on this machine only. It says where it listens once it does; what goes wrong later stands in
/// runtime/logs/system.log as well.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  metricsd serve
  metricsd serve --listen 127.0.0.1:0 --json      # any free port; says which
  metricsd serve --listen 0.0.0.0:9777 --token-file token
  curl -s http://127.0.0.1:9777/metrics")]
pub(crate) struct Serve {
    /// Where: an address and a port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9777")]
    listen: String,
    /// Who shows the word in this file may read: `Authorization: Bearer …`. The file must be yours alone (0600)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    listen: String,
    url: String,
    asks_for_token: bool,
}

impl Run for Serve {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        let token = self.token_file.as_deref().map(Token::read).transpose()?;
        let asks_for_token = token.is_some();
        let server = Server::bind(&self.listen, token)?;
        let interrupt = Interrupt::install()?;
        let _diagnostics = diagnose(&home, &context.caller(AgentId::system()), "metrics")?;
        let url = format!("http://{}/metrics", server.address());
        log::info!("figures are at {url}");
        context.report(
            &format!("listening on {url}"),
            &Document {
                schema: "dreamos.serving/1",
                listen: server.address().to_string(),
                url: url.clone(),
                asks_for_token,
            },
        );
        server.run(&home, &|| interrupt.came())?;
        log::info!("figures are no longer at {url}");
        // To be ended is how a service ends well.
        Ok(match interrupt.exit() {
            Some(Exit::TERMINATED) | None => Exit::DONE,
            Some(exit) => exit,
        })
    }
}

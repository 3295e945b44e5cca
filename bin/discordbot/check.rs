use dreamos::cli::{Context, Exit, Failure, Run, Table};
use dreamos::discord::{Finding, check};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::desk::open;
use super::token::{settings, token};

/// Whether all is there that the bot needs: token, intents, channels and what it may do there
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  discordbot check
  discordbot check --json | jq -r '.findings[] | select(.is_fine | not) | .told'")]
pub(crate) struct Check {}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    findings: &'a [Finding],
}

impl Run for Check {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let home = desk.home();
        let settings = settings(home)?;
        let token = token(context, &desk)?;
        let findings = check(&settings, token.expose_secret())?;
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.discord-check/1",
                findings: &findings,
            })?;
        } else {
            let mut table = Table::new(&["WHAT", "STATE", "TOLD"]);
            for it in &findings {
                let state = if it.is_fine { "fine" } else { "wrong" };
                table.row(vec![
                    it.what.clone(),
                    state.to_owned(),
                    context.shown(&it.told).into_owned(),
                ]);
            }
            context.print_table(&table)?;
        }
        let is_well = findings.iter().all(|it| it.is_fine);
        Ok(if is_well { Exit::DONE } else { Exit::NO })
    }
}

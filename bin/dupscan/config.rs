use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::duplicates::{self, settings};

use super::gate::Gate;
use super::place::Place;
use super::report::Report;

/// Preset that stand there more than once, and those that contradict each other
///
/// Blocks of YAML, JSON, TOML, INI, .properties and .env are compared by the paths of their keys, whatever their order, format or
/// spelling (`retry_limit`, `retryLimit`). A conflict is one key with different values. `--format` is also sarif, codeclimate, csv, html or markdown.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dupscan config
  dupscan config deploy/ .env .env.production --json | jq '.conflicts'
  dupscan config --fail-on exact,conflict")]
pub(crate) struct Config {
    #[command(flatten)]
    place: Place,
    /// No block with fewer settings is looked at
    #[arg(long, value_name = "N")]
    min_settings: Option<usize>,
    /// Do not look for conflicts
    #[arg(long)]
    no_conflicts: bool,
    #[command(flatten)]
    output: Report,
    #[command(flatten)]
    gate: Gate,
}

impl Run for Config {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let own = self.place.settings()?;
        let mut tree = self.place.tree(&own);
        // .env and .github begin with a dot.
        tree.hidden = true;
        let defaults = settings::Options::default();
        let options = settings::Options {
            least_settings: self
                .min_settings
                .or(own.min_settings)
                .unwrap_or(defaults.least_settings),
            conflicts: !self.no_conflicts,
            ..defaults
        };
        let mut found = duplicates::configs(&tree, &options)?;
        self.gate.sift(context, &own, &mut found)?;
        self.output.write(context, &tree.base, &found)?;
        Ok(self.gate.judge(context, &own, &found))
    }
}

use std::path::PathBuf;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::metrics::{collect, write_textfile};
use dreamos::time::Now;
use serde::Serialize;

/// Write all figures into a file, whole or not at all: for the textfile collector of `node_exporter`
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  metricsd textfile --out dreamos.prom
  * * * * * DREAMOS_HOME=/srv/swarm metricsd textfile -q --out /var/lib/prometheus/node-exporter/dreamos.prom")]
pub(crate) struct Textfile {
    /// The file, readable for everybody; what was in it is replaced
    #[arg(long, value_name = "FILE.prom")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    out: PathBuf,
    families: usize,
    samples: usize,
}

impl Run for Textfile {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        let collected = collect(&home, Now::read(), &context.warner())?;
        write_textfile(&self.out, &collected.text())?;
        context.trace(|| format!("wrote {}", self.out.display()));
        if context.format().is_json() {
            let samples = collected.families.iter().map(|it| it.samples.len());
            context.print_json(&Document {
                schema: "dreamos.textfile/1",
                out: self.out,
                families: collected.families.len(),
                samples: samples.sum(),
            })?;
        }
        Ok(Exit::DONE)
    }
}

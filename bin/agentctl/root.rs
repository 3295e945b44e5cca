use dreamos::cli::{Context, Exit, Failure, Run};

/// Which home this is
#[derive(clap::Args)]
pub(crate) struct Root {}

impl Run for Root {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        context.print(&format!("{}\n", home.dir().display()))?;
        Ok(Exit::DONE)
    }
}

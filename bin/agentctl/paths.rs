use std::fmt::Write as _;
use std::path::PathBuf;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::names::Channel;

use super::desk::open;

/// Where each file of this home lies
#[derive(clap::Args)]
pub(crate) struct Paths {}

impl Run for Paths {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let home = desk.home();
        let mut all: Vec<(String, PathBuf)> = vec![
            ("home".into(), home.dir().into()),
            ("agents".into(), home.agents_yaml()),
            ("mailboxes".into(), home.mailboxes()),
        ];
        for channel in [
            Channel::System,
            Channel::Agents,
            Channel::Messages,
            Channel::Captain,
        ] {
            all.push((format!("log {}", channel.as_str()), home.log(channel)));
        }
        for agent in &desk.roster().agents {
            all.push((format!("inbox {}", agent.id), home.face(&agent.id)));
            all.push((format!("supervisor {}", agent.id), home.agent(&agent.id)));
        }
        if context.format().is_json() {
            let paths: serde_json::Map<_, _> = all
                .into_iter()
                .map(|(name, path)| (name, path.to_string_lossy().into()))
                .collect();
            context.print_json(&serde_json::json!({
                "schema": "dreamos.paths/1",
                "paths": paths,
            }))?;
            return Ok(Exit::DONE);
        }
        let mut text = String::new();
        for (name, path) in all {
            writeln!(text, "{name:<24} {}", path.display()).expect("a string grows");
        }
        context.print(&text)?;
        Ok(Exit::DONE)
    }
}

use std::fmt::Write as _;
use std::path::Path;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::names::Channel;
use serde_json::{Map, Value, json};

use super::desk::open;

/// Where each file of this home lies
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl paths
  agentctl paths --json | jq -r '.agents[] | select(.agent == \"agent-3\").inbox'")]
pub(crate) struct Paths {}

impl Run for Paths {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let (home, agents) = (desk.home(), &desk.roster().agents);
        if context.format().is_json() {
            let logs: Map<String, Value> = Channel::ALL
                .iter()
                .map(|it| (it.as_str().to_owned(), text(&home.log(*it))))
                .collect();
            let agents: Vec<Value> = agents
                .iter()
                .map(|it| {
                    json!({
                        "agent": it.id,
                        "inbox": text(&home.face(&it.id)),
                        "supervisor": text(&home.agent(&it.id)),
                    })
                })
                .collect();
            context.print_json(&json!({
                "schema": "dreamos.paths/1",
                "home": text(home.dir()),
                "agents_yaml": text(&home.agents_yaml()),
                "mailboxes": text(&home.mailboxes()),
                "logs": logs,
                "metrics": text(&home.metrics()),
                "agents": agents,
            }))?;
            return Ok(Exit::DONE);
        }
        let mut lines = String::new();
        let mut line = |name: &str, path: &Path| {
            writeln!(lines, "{name:<24} {}", path.display()).expect("a string grows");
        };
        line("home", home.dir());
        line("agents", &home.agents_yaml());
        line("mailboxes", &home.mailboxes());
        for channel in Channel::ALL {
            line(&format!("log {}", channel.as_str()), &home.log(channel));
        }
        line("metrics", &home.metrics());
        for agent in agents {
            line(&format!("inbox {}", agent.id), &home.face(&agent.id));
            line(&format!("supervisor {}", agent.id), &home.agent(&agent.id));
        }
        context.print(&lines)?;
        Ok(Exit::DONE)
    }
}

fn text(path: &Path) -> Value {
    path.to_string_lossy().into()
}

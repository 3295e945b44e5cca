//! `--dry-run`: what would become of which path.

use std::fmt::Write as _;
use std::path::Path;

use dreamos::cli::{Context, Exit, Failure};
use dreamos::desk::Step;
use serde_json::{Value, json};

pub(crate) fn would(context: &Context, steps: &[Step]) -> Result<Exit, Failure> {
    if context.format().is_json() {
        let would: Vec<Value> = steps.iter().map(document).collect();
        context.print_json(&json!({"schema": "dreamos.dry-run/1", "would": would}))?;
        return Ok(Exit::DONE);
    }
    let mut text = String::new();
    for step in steps {
        let line = match step {
            Step::Write(path) => format!("write {}", path.display()),
            Step::Rename { path, to } => format!("rename {} to {}", path.display(), to.display()),
            Step::Remove(path) => format!("remove {}", path.display()),
        };
        writeln!(text, "would {line}").expect("a string grows");
    }
    context.print(&text)?;
    Ok(Exit::DONE)
}

fn document(step: &Step) -> Value {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    match step {
        Step::Write(path) => json!({"do": "write", "path": text(path)}),
        Step::Rename { path, to } => json!({"do": "rename", "path": text(path), "to": text(to)}),
        Step::Remove(path) => json!({"do": "remove", "path": text(path)}),
    }
}

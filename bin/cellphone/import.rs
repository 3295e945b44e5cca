use std::path::PathBuf;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::names::Kind;
use dreamos::time::Now;
use serde::Serialize;

use super::phone::desk::open;
use super::phone::document::Document;
use super::phone::open::would_change;

/// Take over mail that other programs wrote: a file or a directory of any of their shapes; twice is once
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone import old/inbox.json --to agent-3
  cellphone import ~/old-project/runtime")]
pub(crate) struct Import {
    /// A file or a directory
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Whose mail it becomes, whatever stands in it
    #[arg(long, value_name = "AGENT")]
    to: Option<String>,
    /// Say which files would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Body {
    sent: Vec<String>,
    known: u64,
    unread: Vec<Part>,
}

/// What could not be read, and where.
#[derive(Serialize)]
struct Part {
    path: String,
    line: usize,
    column: usize,
    why: String,
}

impl Run for Import {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let to = self.to.map(|name| desk.resolve(&name)).transpose()?;
        if self.dry_run {
            let mailboxes = to.map_or_else(|| desk.everybody(), |one| Ok(vec![one]))?;
            return would_change(context, &desk, &mailboxes);
        }
        let imported = desk.import(to.as_ref(), &self.path, Now::read())?;
        let unread: Vec<Part> = imported
            .unread
            .into_iter()
            .map(|part| Part {
                path: part.path.to_string_lossy().into_owned(),
                line: part.line,
                column: part.column,
                why: part.why,
            })
            .collect();
        if !context.format().is_json() {
            for Part {
                path,
                line,
                column,
                why,
            } in &unread
            {
                context.warn(&format!("{path}:{line}:{column}: {why}"));
            }
        }
        let exit = if unread.is_empty() {
            Exit::DONE
        } else {
            Exit::of(Kind::Corrupt)
        };
        let (new, known, bad) = (imported.sent.len(), imported.known, unread.len());
        let line = format!("imported {new}, {known} known before, {bad} unreadable");
        let sent = imported.sent.iter().map(ToString::to_string).collect();
        let body = Body {
            sent,
            known,
            unread,
        };
        context.report(
            &line,
            &Document {
                schema: "dreamos.imported/1",
                body,
            },
        );
        Ok(exit)
    }
}

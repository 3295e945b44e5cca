//! Units of systemd, as they are printed.

use std::path::Path;

use dreamos::cli::{Context, Exit, Failure};
use serde_json::json;

pub(crate) fn print(context: &Context, units: &[(&str, &str)]) -> Result<Exit, Failure> {
    if context.format().is_json() {
        let units = units
            .iter()
            .map(|(name, text)| json!({"name": name, "text": text}));
        let units: Vec<_> = units.collect();
        context.print_json(&json!({"schema": "dreamos.units/1", "units": units}))?;
    } else {
        context.print(&told(units))?;
    }
    Ok(Exit::DONE)
}

/// One alone goes into its file as it is; of several it is said where each goes.
fn told(units: &[(&str, &str)]) -> String {
    match units {
        [(_, text)] => (*text).to_owned(),
        several => {
            let told = several
                .iter()
                .map(|(name, text)| format!("# ~/.config/systemd/user/{name}\n{text}"));
            told.collect::<Vec<_>>().join("\n")
        }
    }
}

/// This program as a unit names it; in a command a dollar is a variable's.
pub(crate) fn own(name: &str) -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| name.into());
    escaped(&path).replace('$', "$$")
}

/// Between double quotes, where systemd takes `%` for its own.
pub(crate) fn escaped(path: &Path) -> String {
    let path = path.display().to_string();
    let path = path.replace('\\', "\\\\").replace('"', "\\\"");
    path.replace('%', "%%")
}

//! Units of systemd, as they are printed.

use std::path::Path;

/// One alone goes into its file as it is; of several it is said where each goes.
pub(crate) fn told(units: &[(&str, &str)]) -> String {
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

/// Between double quotes, where systemd takes `%` for its own.
pub(crate) fn escaped(path: &Path) -> String {
    let path = path.display().to_string();
    let path = path.replace('\\', "\\\\").replace('"', "\\\"");
    path.replace('%', "%%")
}

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use dreamos::cli::{Context, Error, Exit, Failure, Run};
use serde_json::json;

/// Make a home: directories, an example of who exists, the disk contract. What is there stays as it is
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl init ~/swarm && export DREAMOS_HOME=~/swarm")]
pub(crate) struct Init {
    /// Where; else the working directory
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

const DIRECTORIES: [&str; 8] = [
    "",
    "config",
    "config/agent_comms",
    "config/security",
    "runtime",
    "runtime/mailbox",
    "runtime/logs",
    "runtime/cache",
];

const FILES: [(&str, &str); 4] = [
    (
        "config/agents.yaml",
        include_str!("../../config/agents.yaml"),
    ),
    (
        "config/security/policies.yaml",
        include_str!("../../config/security/policies.yaml"),
    ),
    ("config/README.md", include_str!("../../config/README.md")),
    ("runtime/README.md", include_str!("../../runtime/README.md")),
];

struct Made {
    path: PathBuf,
    /// Else it was there.
    created: bool,
}

impl Run for Init {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let named = self.dir.or_else(|| context.options().home.clone());
        let home = match named {
            Some(dir) => dir,
            None => std::env::current_dir().map_err(|source| Error::File {
                path: ".".into(),
                source,
            })?,
        };
        let mut made = Vec::new();
        for name in DIRECTORIES {
            let path = home.join(name).components().collect::<PathBuf>();
            let created = directory(&path).map_err(at(&path))?;
            made.push(Made { path, created });
        }
        for (name, text) in FILES {
            let path = home.join(name);
            let created = file(&path, text).map_err(at(&path))?;
            made.push(Made { path, created });
        }
        if context.format().is_json() {
            let paths = made.iter().map(|Made { path, created }| {
                json!({"path": path.to_string_lossy(), "created": created})
            });
            context.print_json(&json!({
                "schema": "dreamos.made/1",
                "home": home.to_string_lossy(),
                "paths": paths.collect::<Vec<_>>(),
            }))?;
        } else {
            context.print(&told(&made))?;
        }
        Ok(Exit::DONE)
    }
}

fn told(made: &[Made]) -> String {
    let mut text = String::new();
    for Made { path, created } in made {
        let word = if *created { "created " } else { "exists  " };
        writeln!(text, "{word} {}", path.display()).expect("a string grows");
    }
    text
}

fn at(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    |source| Error::File {
        path: path.into(),
        source,
    }
}

fn directory(path: &Path) -> io::Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    Ok(true)
}

/// Aside and linked: a home that was interrupted half-way has whole files or none, and nobody's is replaced.
fn file(path: &Path, text: &str) -> io::Result<bool> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(false);
    }
    let aside = path.with_extension(format!("new.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let written = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)
        .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
    let linked = written.and_then(|()| fs::hard_link(&aside, path));
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        other => other.map(|()| true),
    }
}

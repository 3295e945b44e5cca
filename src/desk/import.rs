//! Mail of other programs, from a file or a tree: whose it is, from where it lies and what stands in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Desk, Done};
use crate::mailbox::import::{self, Foreign, Source};
use crate::mailbox::{Address, MOST_CONTENT};
use crate::names::{AgentId, Explain as _, Kind, Verb};
use crate::store::{self, File};
use crate::time::Now;

/// Larger files are no mail.
const MOST_BYTES: u64 = 256 << 20;

/// A part of an imported file that could not be taken in.
#[derive(Clone, Debug)]
pub struct Unread {
    pub path: PathBuf,
    pub line: usize,
    pub column: usize,
    pub why: String,
}

#[derive(Clone, Debug, Default)]
pub struct Imported {
    pub sent: Vec<Address>,
    /// Already here from an earlier import.
    pub known: u64,
    pub unread: Vec<Unread>,
}

/// What is to be taken in, by recipient, handled mail first: a copy of it that still looks new is then known.
type Sorted = BTreeMap<AgentId, Vec<Foreign>>;

impl Desk {
    /// `path` is a file or a directory of any shape that the original wrote; `to` overrides the recipient.
    pub fn import(&self, to: Option<&AgentId>, path: &Path, now: Now) -> Done<Imported> {
        let mut imported = Imported::default();
        let mut sorted = Sorted::new();
        let is_file = !store::Dir::is_dir(path);
        for (file, source, handled) in Self::sources(path, is_file)? {
            let bytes = match File::open_foreign(&file).and_then(|it| it.read_to_end(MOST_BYTES)) {
                Ok(bytes) => bytes,
                Err(error) if is_file => return Err(error.into()),
                Err(error) => {
                    imported.refuse(&file, error.to_string());
                    continue;
                }
            };
            let parsed = import::read(&bytes, &source);
            for part in parsed.unread {
                imported.unread.push(Unread {
                    path: file.clone(),
                    line: part.line,
                    column: part.column,
                    why: part.why,
                });
            }
            for mut mail in parsed.mail {
                mail.handled |= handled;
                match self.recipient(to, &mail, &source) {
                    Ok(_) if mail.content.len() > MOST_CONTENT => {
                        imported.refuse(&file, "a message of more than 1 MiB".into());
                    }
                    Ok(agent) => sorted.entry(agent).or_default().push(mail),
                    Err(why) => imported.refuse(&file, why),
                }
            }
        }
        for (agent, mut mail) in sorted {
            mail.sort_by_key(|it| !it.handled);
            let permit = self.permit(Verb::MailImport, &agent)?;
            let mailbox = self.own_mailbox(&agent, now)?;
            let adopted = self.settle(mailbox.adopt(&permit, mail, now)?, now);
            imported.known += adopted.known;
            imported
                .sent
                .extend(adopted.new.into_iter().map(|seq| Address {
                    mailbox: agent.clone(),
                    seq,
                }));
        }
        Ok(imported)
    }

    /// The files that hold mail, each with what its place says. A single file is taken for mail wherever it lies.
    fn sources(path: &Path, is_file: bool) -> Done<Vec<(PathBuf, Source, bool)>> {
        let mut all = Vec::new();
        for file in store::files_below(path)? {
            let full = std::path::absolute(&file).unwrap_or_else(|_| file.clone());
            // Of a single file the directories above tell whose it is; of a tree those inside it, and its name.
            let shown = if is_file {
                full.as_path()
            } else {
                let above = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                let from = above.parent().unwrap_or(&above).to_owned();
                full.strip_prefix(from).unwrap_or(&full)
            }
            .to_string_lossy()
            .into_owned();
            match import::spot(&shown) {
                Some(spot) => all.push((file, spot.source, spot.handled)),
                None if is_file => {
                    let file_name = file
                        .file_name()
                        .map(|name| name.to_string_lossy().into_owned());
                    let source = Source {
                        file_name: file_name.unwrap_or_default(),
                        ..Source::default()
                    };
                    all.push((file, source, false));
                }
                None => {}
            }
        }
        // Handled copies first: see `Sorted`.
        all.sort_by_key(|(_, _, handled)| !*handled);
        Ok(all)
    }

    fn recipient(
        &self,
        to: Option<&AgentId>,
        mail: &Foreign,
        source: &Source,
    ) -> Result<AgentId, String> {
        if let Some(to) = to {
            return Ok(to.clone());
        }
        let named = source.folder.as_deref().or(mail.to.as_deref());
        let Some(named) = named else {
            return Err("it names no recipient: say whose it is with --to".into());
        };
        let canonical = import::canonical_name(named);
        let canonical = canonical.as_ref().map_or(named, AgentId::as_str);
        self.resolve(canonical).map_err(|error| match error.kind() {
            Kind::Unknown => format!("it is for {named:?}, whom nobody knows: use --to"),
            _ => error.to_string(),
        })
    }
}

impl Imported {
    fn refuse(&mut self, path: &Path, why: String) {
        self.unread.push(Unread {
            path: path.to_owned(),
            line: 1,
            column: 1,
            why,
        });
    }
}

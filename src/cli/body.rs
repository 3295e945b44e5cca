//! Where the text of a message comes from: an argument, standard input, an editor.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::PathBuf;

use super::context::Context;
use super::editor::Draft;
use super::failure::Error;

/// Above this a content must travel as a file.
pub const LONGEST_CONTENT: usize = 1 << 20;

/// TEXT; `-` or a stdin that is no terminal: what stands there, without its last line break; else the editor.
pub fn body(context: &Context, text: Option<&str>) -> Result<String, Error> {
    let body = match text {
        Some("-") => from_input()?,
        Some(text) => text.to_owned(),
        None if !io::stdin().is_terminal() => from_input()?,
        None if context.may_ask() => from_editor()?,
        None => {
            return Err(Error::advice(
                "no text to send",
                "give TEXT, or - for standard input",
            ));
        }
    };
    if body.len() > LONGEST_CONTENT {
        return Err(Error::TooLong {
            limit: LONGEST_CONTENT,
        });
    }
    Ok(body)
}

fn from_input() -> Result<String, Error> {
    // One byte for the last line break, one to see that there is more.
    let mut text = whole_input(LONGEST_CONTENT + 2)?;
    if text.ends_with('\n') {
        text.pop();
    }
    if text.is_empty() {
        Err(Error::Empty)
    } else {
        Ok(text)
    }
}

/// All of standard input, at most `limit` bytes of it.
pub fn whole_input(limit: usize) -> Result<String, Error> {
    String::from_utf8(whole_bytes(limit)?).map_err(|_| Error::NotText)
}

/// As `whole_input`, of what need not be text.
pub fn whole_bytes(limit: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    io::stdin()
        .lock()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(Error::Input)?;
    Ok(bytes)
}

/// A whole text file, `-` being standard input; at most `limit` bytes of it.
pub fn whole_text(path: &str, limit: usize) -> Result<String, Error> {
    if path == "-" {
        return whole_input(limit);
    }
    let path = PathBuf::from(path);
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(most).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(source) => Err(Error::File { path, source }),
    }
}

fn from_editor() -> Result<String, Error> {
    let draft = Draft::new("message.txt", b"")?;
    let text = String::from_utf8(draft.edit()?).map_err(|_| Error::NotText)?;
    draft.discard();
    let text = text.trim_end();
    if text.is_empty() {
        return Err(Error::usage("nothing was written, so nothing is sent"));
    }
    Ok(text.to_owned())
}

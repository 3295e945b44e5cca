//! Lines of standard input, each said as it arrives; a thread of its own reads, so that whoever writes never waits for speech.

use std::io::{self, BufRead, BufReader, Read as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use dreamos::cli::{Error, Failure};
use dreamos::speech::{Backlog, spoken};

/// More of one line is not said anyway.
const LONGEST: u64 = 64 << 10;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    backlog: Backlog,
    /// Nothing comes any more; why not, where that is an error.
    end: Option<io::Result<()>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until the last line was said.
pub(crate) fn each(mut say: impl FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
    let shared = Arc::new(Shared::default());
    let filled = Arc::clone(&shared);
    thread::spawn(move || fill(&filled));
    loop {
        let mut state = shared.state();
        let text = loop {
            if let Some(text) = state.backlog.pop() {
                break text;
            }
            if let Some(end) = state.end.take() {
                return end.map_err(|error| Error::Input(error).into());
            }
            let woken = shared.news.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        say(&text)?;
    }
}

fn fill(shared: &Shared) {
    let mut input = BufReader::new(io::stdin());
    let end = loop {
        match line(&mut input) {
            Ok(Some(line)) => {
                let text = spoken(&line);
                if !text.is_empty() {
                    shared.state().backlog.push(text);
                    shared.news.notify_one();
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    shared.state().end = Some(end);
    shared.news.notify_one();
}

/// What stands in the next one; of a monster its beginning.
fn line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if input.take(LONGEST).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_any_length_is_one_line() {
        let long = "x".repeat(1 << 20);
        let mut input = io::Cursor::new(format!("one\n{long}\nthree"));
        let mut next = || line(&mut input).unwrap();
        assert_eq!(next().as_deref(), Some("one\n"));
        assert_eq!(next().unwrap().len(), 64 << 10);
        assert_eq!(next().as_deref(), Some("three"));
        assert_eq!(next(), None);
    }
}

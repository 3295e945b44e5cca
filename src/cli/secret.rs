//! What nobody else should see, as a person or a script gives it: never an argument.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::PathBuf;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Context, Error};

/// A longer one is no secret, but a file.
const LONGEST: u64 = 64 << 10;

/// From standard input, or where that is a terminal asked for without an echo.
pub fn secret_input(context: &Context, prompt: &str) -> Result<SecretString, Error> {
    if io::stdin().is_terminal() {
        return asked(context, prompt);
    }
    read(io::stdin())
}

/// From the file that a variable of the environment names, else asked for.
pub fn secret_by(context: &Context, variable: &str, prompt: &str) -> Result<SecretString, Error> {
    let Some(path) = context.variable(variable).map(PathBuf::from) else {
        return asked(context, prompt);
    };
    let file = File::open(&path).map_err(|source| Error::File { path, source })?;
    read(file)
}

fn asked(context: &Context, prompt: &str) -> Result<SecretString, Error> {
    if !context.may_ask() {
        return Err(Error::advice(
            "nobody is there to be asked",
            "give it on standard input, or in the file that DREAMOS_PASSPHRASE_FILE names",
        ));
    }
    let text = rpassword::prompt_password(prompt).map_err(Error::Input)?;
    worth(&Zeroizing::new(text))
}

fn read(source: impl Read) -> Result<SecretString, Error> {
    let mut text = Zeroizing::new(String::new());
    let mut source = source.take(LONGEST + 1);
    source.read_to_string(&mut text).map_err(Error::Input)?;
    worth(&text)
}

/// Without its last line break.
fn worth(text: &str) -> Result<SecretString, Error> {
    let trimmed = text.strip_suffix('\n').unwrap_or(text);
    let trimmed = trimmed.strip_suffix('\r').unwrap_or(trimmed);
    match trimmed.len() as u64 {
        0 => Err(Error::usage("it is empty")),
        length if length > LONGEST => {
            Err(Error::usage(format!("it is longer than {LONGEST} bytes")))
        }
        _ => Ok(SecretString::from(trimmed)),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_secret_is_what_stands_before_the_last_line_break_and_bounded() {
        let said = |text: &str| read(text.as_bytes()).map(|it| it.expose_secret().to_owned());
        for (text, secret) in [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), (" a\n\n", " a\n")] {
            assert_eq!(said(text).unwrap(), secret);
        }
        let most = "x".repeat(64 << 10);
        assert_eq!(said(&most).unwrap(), most);
        for text in ["", "\n", "\r\n", &format!("{most}x")] {
            assert!(said(text).is_err());
        }
        let error = read(&b"hunter2\xff"[..]).unwrap_err();
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
}

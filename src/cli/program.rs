//! A program: its name and its table of verbs, from the arguments to the exit code.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::mem::ManuallyDrop;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches as _};

use super::context::Context;
use super::failure::{Exit, Failure};
use super::options::{Format, Options, Own};
use super::start::start;
use super::{complete, pages};

pub struct Program {
    pub name: &'static str,
    pub about: &'static str,
    /// Who speaks where `--as` does not say; `None`: `$DREAMOS_AGENT`, else `user`.
    pub speaker: Option<&'static str>,
    /// In the order of the help; a program may share some of them with another.
    pub verbs: &'static [&'static [Verb]],
    /// Whom a shell may complete. Never fails: a completion that knows nobody offers nobody.
    pub agents: fn(&Context) -> Vec<String>,
    /// The same of tasks, where it has verbs for them.
    pub tasks: Option<fn(&Context) -> Vec<String>>,
}

/// What a verb does with its arguments, which are its own fields. Their doc comments are the help text.
pub trait Run: Args {
    fn run(self, context: &Context) -> Result<Exit, Failure>;

    /// What a line without any option says, for a verb that is called so often that building its grammar counts.
    /// `None` where the grammar must be asked. It says the same, which a test of the verb shows.
    fn of_words(_: &[&str]) -> Option<Self> {
        None
    }
}

impl Program {
    pub(super) fn verbs(&self) -> impl Iterator<Item = &'static Verb> {
        self.verbs.iter().copied().flatten()
    }
}

type Ended = Result<Exit, Failure>;

pub struct Verb {
    pub name: &'static str,
    args: fn(Command) -> Command,
    run: fn(&Context, &ArgMatches) -> Ended,
    run_words: fn(&Context, &[&str]) -> Option<Ended>,
    own_formats: &'static [Own],
    /// What each of its formats looks like, a line each.
    pub(super) looks: &'static str,
}

impl Verb {
    pub const fn of<R: Run>(name: &'static str) -> Self {
        Self {
            name,
            args: R::augment_args,
            run: run_verb::<R>,
            run_words: |context, words| Some(R::of_words(words)?.run(context)),
            own_formats: &[],
            looks: "",
        }
    }

    /// It prints these as well.
    #[must_use]
    pub const fn with_formats(self, own_formats: &'static [Own]) -> Self {
        Self {
            own_formats,
            ..self
        }
    }

    /// Its help shows these examples of its formats.
    #[must_use]
    pub const fn that_looks(self, looks: &'static str) -> Self {
        Self { looks, ..self }
    }

    pub(super) fn command(&self) -> Command {
        (self.args)(Command::new(self.name))
    }
}

fn run_verb<R: Run>(context: &Context, matches: &ArgMatches) -> Ended {
    R::from_arg_matches(matches)
        .map_err(|error| Failure::usage(error.to_string()))?
        .run(context)
}

/// The whole of `main`: the exit code.
pub fn run(program: &'static Program) -> i32 {
    start();
    let exit = complete::answer(program).unwrap_or_else(|| obey(program));
    exit.code().into()
}

fn obey(program: &'static Program) -> Exit {
    // The name that we were called by is not ours to repeat: hints must work for everybody.
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(exit) = obey_words(program, &args) {
        return exit;
    }
    match parse(program, &args) {
        Ok(Parsed::Verb(verb, matches)) => perform(program, verb, &matches),
        Ok(Parsed::Page(page)) => print_page(&page),
        Err(error) => refuse(&error, &args),
    }
}

/// A line of words only: what no grammar is needed for.
fn obey_words(program: &'static Program, args: &[OsString]) -> Option<Exit> {
    let words: Option<Vec<&str>> = args
        .iter()
        .map(|arg| arg.to_str().filter(|word| !word.starts_with('-')))
        .collect();
    let words = words?;
    let (name, words) = words.split_first()?;
    let verb = program.verbs().find(|verb| verb.name == *name)?;
    let context = Context::new(program.name, program.speaker, Options::default());
    (verb.run_words)(&context, words).map(|done| ended(&context, done))
}

enum Parsed {
    Verb(&'static Verb, ManuallyDrop<ArgMatches>),
    Page(String),
}

/// Where the verb stands among the arguments. Options that all verbs share may stand before it.
fn position_of_verb(args: &[OsString]) -> Option<usize> {
    let mut position = 0;
    while let Some(arg) = args.get(position).and_then(|arg| arg.to_str()) {
        position += match arg {
            "--home" | "--as" | "--format" | "--color" => 2,
            _ if arg.starts_with('-') => 1,
            _ => return Some(position),
        };
    }
    None
}

fn asks_for_help(args: &[OsString]) -> bool {
    args.iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| *arg == "-h" || *arg == "--help")
}

fn parse(program: &'static Program, args: &[OsString]) -> Result<Parsed, clap::Error> {
    let position = position_of_verb(args).filter(|_| !asks_for_help(args));
    let verb = position.and_then(|at| {
        let name = args[at].as_os_str();
        program
            .verbs()
            .find(|verb| OsStr::new(verb.name) == name)
            .map(|verb| (at, verb))
    });
    let Some((at, verb)) = verb else {
        return parse_whole(program, args);
    };
    // Only this verb's arguments are built: that is most of what starting up costs.
    let command = Options::augment_args(verb.command())
        .bin_name(format!("{} {}", program.name, verb.name))
        .no_binary_name(true);
    let others = args[..at].iter().chain(&args[at + 1..]);
    // Neither it nor the matches are given back: the process ends soon, and its memory with it.
    let matches = ManuallyDrop::new(command).try_get_matches_from_mut(others)?;
    Ok(Parsed::Verb(verb, ManuallyDrop::new(matches)))
}

fn parse_whole(program: &'static Program, args: &[OsString]) -> Result<Parsed, clap::Error> {
    let matches = pages::tree(program)
        .no_binary_name(true)
        .try_get_matches_from(args)?;
    let (name, matches) = matches.subcommand().expect("clap insists on a verb");
    if name == pages::GEN {
        return Ok(Parsed::Page(pages::generated(program, matches)));
    }
    let verb = program.verbs().find(|verb| verb.name == name);
    Ok(Parsed::Verb(
        verb.expect("the tree was built from this table"),
        ManuallyDrop::new(matches.clone()),
    ))
}

fn perform(program: &'static Program, verb: &Verb, matches: &ArgMatches) -> Exit {
    let options = match Options::from_arg_matches(matches) {
        Ok(options) => options,
        Err(error) => return refuse(&error, &[]),
    };
    let context = Context::new(program.name, program.speaker, options);
    let done = match context.format() {
        Format::Own(own) if !verb.own_formats.contains(&own) => {
            let format = context.format().as_str();
            let message = format!("{} knows no --format {format}", verb.name);
            Err(Failure::usage(message))
        }
        _ => (verb.run)(&context, matches),
    };
    ended(&context, done)
}

fn ended(context: &Context, done: Ended) -> Exit {
    done.unwrap_or_else(|failure| {
        context.fail(&failure);
        failure.exit()
    })
}

fn print_page(page: &str) -> Exit {
    match io::stdout().write_all(page.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell(&format!("error: can't write to standard output: {error}\n"));
            Exit::of(crate::names::Kind::Io)
        }
        _ => Exit::DONE,
    }
}

/// Help and version are answers; the rest is a wrong command line, told in the form that it asked for.
fn refuse(error: &clap::Error, args: &[OsString]) -> Exit {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return print_page(&error.to_string());
    }
    let wants_json = args.iter().take_while(|arg| *arg != "--").any(|arg| {
        matches!(
            arg.to_str(),
            Some("--json" | "--format=json" | "--format=jsonl")
        )
    }) || args
        .windows(2)
        .any(|two| two[0] == "--format" && matches!(two[1].to_str(), Some("json" | "jsonl")));
    let text = error.to_string();
    if wants_json {
        let words = text.trim_start_matches("error: ").lines().map(str::trim);
        let first: Vec<&str> = words.take_while(|line| !line.is_empty()).collect();
        tell(&format!("{}\n", Failure::usage(first.join(" ")).document()));
    } else {
        tell(&text);
    }
    Exit::of(crate::names::Kind::Usage)
}

fn tell(text: &str) {
    // A closed stderr leaves nobody to tell.
    let _: io::Result<()> = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(Into::into).collect()
    }

    #[test]
    fn the_verb_is_found_behind_options_of_all_verbs() {
        for (line, verb) in [
            ("send a b", Some(0)),
            ("--json --as agent-1 send a", Some(3)),
            ("--as=x --home /tmp -qv send", Some(4)),
            ("--as", None),
            ("", None),
        ] {
            assert_eq!(position_of_verb(&words(line)), verb, "{line}");
        }
    }

    #[test]
    fn what_follows_two_dashes_is_text_and_no_request_for_help() {
        assert!(asks_for_help(&words("send a -h")));
        assert!(!asks_for_help(&words("send a -- -h")));
    }
}

//! What a shell completes: verbs and options from the grammar, agents and tasks from the home.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::PathBuf;

use clap::{Arg, Command};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::context::{Context, variable};
use super::failure::Exit;
use super::options::Options;
use super::pages;
use super::program::Program;

/// Set by the script of `gen bash` and its like, and only there.
pub(super) const VARIABLE: &str = "DREAMOS_COMPLETE";

/// What a value must be called for agents to be offered, and what for tasks.
const AGENTS: [&str; 2] = ["AGENT", "TO"];
const TASK: &str = "TASK";

type Known = fn(&Context) -> Vec<String>;

/// `None`: nobody asked for a completion.
pub(super) fn answer(program: &'static Program) -> Option<Exit> {
    variable(VARIABLE)?;
    let args: Vec<OsString> = std::env::args_os().collect();
    let home = home_among(&args);
    let tree = || with_names(pages::tree(program), program, home.as_ref());
    let cwd = std::env::current_dir().ok();
    // A shell can do nothing with an error in the middle of a line.
    let done = CompleteEnv::with_factory(tree)
        .var(VARIABLE)
        .bin(program.name)
        .completer(program.name)
        .try_complete(args, cwd.as_deref());
    Some(if done.is_ok() && std::io::stdout().flush().is_ok() {
        Exit::DONE
    } else {
        Exit::NO
    })
}

/// The line that is being typed may itself name the home.
fn home_among(args: &[OsString]) -> Option<PathBuf> {
    args.windows(2)
        .find(|two| two[0] == "--home")
        .map(|two| PathBuf::from(&two[1]))
}

fn with_names(tree: Command, program: &'static Program, home: Option<&PathBuf>) -> Command {
    let known = |arg: &Arg| -> Option<Known> {
        let names = arg.get_value_names()?;
        let is_agent = |name: &str| AGENTS.contains(&name);
        if names.iter().any(|name| is_agent(name)) {
            return Some(program.agents);
        }
        program
            .tasks
            .filter(|_| names.iter().any(|name| name == TASK))
    };
    let offer = |arg: Arg| {
        let Some(known) = known(&arg) else {
            return arg;
        };
        let home = home.cloned();
        arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
            candidates(program, known, home.clone(), typed)
        }))
    };
    tree.mut_args(offer)
        .mut_subcommands(|verb| verb.mut_args(offer))
}

fn candidates(
    program: &'static Program,
    known: Known,
    home: Option<PathBuf>,
    typed: &OsStr,
) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else {
        return Vec::new();
    };
    let options = Options::for_home(home);
    let context = Context::new(program.name, program.speaker, options);
    known(&context)
        .into_iter()
        .filter(|name| name.starts_with(typed))
        .map(CompletionCandidate::new)
        .collect()
}

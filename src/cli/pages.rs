//! The whole grammar at once: help, man page, completion scripts.

use clap::{Arg, ArgMatches, Args as _, Command};
use clap_complete::env::Shells;
use clap_mangen::Man;

use super::complete::VARIABLE;
use super::options::Options;
use super::program::Program;

pub(super) const GEN: &str = "gen";
const LOOKS: &str = "\n\nFORMATS\n";

const EXIT_CODES: [(&str, &str); 14] = [
    ("0", "done, or \"yes\""),
    (
        "1",
        "an honest \"no\": no mail, nothing ready, held by another, doctor or lint found something",
    ),
    ("2", "usage"),
    (
        "65",
        "input or a state file that cannot be read as what it should be",
    ),
    ("66", "no such agent, message or task, or an ambiguous name"),
    (
        "69",
        "an agent that would have to run does not; an address that is taken",
    ),
    ("70", "a bug of this program"),
    ("73", "cannot create"),
    ("74", "I/O: nothing happened"),
    (
        "75",
        "lock busy, or outcome unknown: try again, with the key",
    ),
    ("77", "refused by policy"),
    ("78", "bad config, no home, a newer format"),
    ("124", "--timeout elapsed"),
    (
        "130, 143",
        "interrupted, terminated; what was queued stays queued",
    ),
];

const ENVIRONMENT: [(&str, &str); 8] = [
    ("DREAMOS_HOME", "the home, where --home does not say"),
    ("DREAMOS_AGENT", "who speaks, where --as does not say"),
    ("DREAMOS_INCARNATION", "which run of that agent speaks"),
    (
        "DREAMOS_TAINT",
        "whose text from outside it is done for; handlers of mail have it",
    ),
    ("VISUAL, EDITOR", "the editor for a text and for edit"),
    (
        "LOGNAME, USER",
        "the name that is noted beside what `user` sends",
    ),
    ("NO_COLOR, CLICOLOR_FORCE, TERM", "whether colours are used"),
    ("TMPDIR", "where the copy lies that you edit"),
];

/// All verbs, all arguments.
pub(super) fn tree(program: &'static Program) -> Command {
    let codes: Vec<String> = EXIT_CODES
        .iter()
        .map(|(code, what)| format!("  {code:<10}{what}\n"))
        .collect();
    let root = Command::new(program.name)
        .bin_name(program.name)
        .version(env!("CARGO_PKG_VERSION"))
        .about(program.about)
        .after_help(format!("EXIT CODES\n{}", codes.concat().trim_end()))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .infer_subcommands(false)
        .subcommand_value_name("VERB")
        .subcommand_help_heading("Verbs");
    let verbs = program
        .verbs()
        .map(|verb| with_looks(named_after(program, verb.command()), verb.looks));
    Options::augment_args(root)
        .subcommands(verbs)
        .subcommand(generator())
}

/// The examples of what two programs share name the one that prints them; those of others may be about it.
fn named_after(program: &Program, verb: Command) -> Command {
    let examples = verb.get_after_help().map(ToString::to_string);
    match examples {
        Some(text) if program.name.ends_with("phone") => {
            verb.after_help(text.replace("cellphone", program.name))
        }
        _ => verb,
    }
}

/// Behind the examples.
fn with_looks(verb: Command, looks: &str) -> Command {
    if looks.is_empty() {
        return verb;
    }
    let examples = verb.get_after_help().map(ToString::to_string);
    verb.after_help(format!("{}{LOOKS}{looks}", examples.unwrap_or_default()))
}

fn generator() -> Command {
    Command::new(GEN)
        .about("Print the man page, or the completion script of a shell")
        .hide(true)
        .arg(
            Arg::new("what")
                .required(true)
                .value_parser(["man", "bash", "zsh", "fish"]),
        )
}

pub(super) fn generated(program: &'static Program, matches: &ArgMatches) -> String {
    let what = matches
        .get_one::<String>("what")
        .map_or("man", String::as_str);
    let mut page = Vec::new();
    let written = match Shells::builtins().completer(what) {
        Some(shell) => {
            let name = program.name;
            shell.write_registration(VARIABLE, name, name, name, &mut page)
        }
        None => write_man(program, &mut page),
    };
    written.expect("a vector takes every byte");
    let mut page = String::from_utf8(page).expect("the generators write UTF-8");
    if what == "zsh" {
        // In a directory of $fpath zsh takes the file for the body of a function: the first completion must
        // be answered too, not only the later ones.
        let name = program.name.replace('-', "_");
        let line = format!(
            "[ \"${{funcstack[1]}}\" != \"_{name}\" ] || _clap_dynamic_completer_{name} \"$@\"\n"
        );
        page.push_str(&line);
    }
    page
}

/// One page for the program, with a section for each verb.
fn write_man(program: &'static Program, page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut tree = tree(program);
    tree.build();
    let man = Man::new(tree.clone().after_help(""));
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    for verb in tree.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        if verb.get_name() != "help" {
            write_verb(program, verb, page)?;
        }
    }
    let everywhere = Options::augment_args(Command::new(program.name));
    let mut options = Vec::new();
    Man::new(everywhere.disable_help_flag(true)).render_options_section(&mut options)?;
    page.extend_from_slice(&options);
    write_list("EXIT STATUS", &EXIT_CODES, page);
    write_list("ENVIRONMENT", &ENVIRONMENT, page);
    Ok(())
}

fn write_verb(program: &Program, verb: &Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let own = verb
        .clone()
        .bin_name(format!("{} {}", program.name, verb.get_name()))
        .after_help("")
        // What all verbs share is listed once.
        .mut_args(|arg| {
            let shared = arg.is_global_set() || arg.get_id() == "help";
            arg.hide(shared)
        });
    let man = Man::new(own);
    let mut part = Vec::new();
    man.render_synopsis_section(&mut part)?;
    man.render_description_section(&mut part)?;
    if verb
        .get_arguments()
        .any(|arg| !arg.is_global_set() && arg.get_id() != "help")
    {
        man.render_options_section(&mut part)?;
    }
    let text = String::from_utf8_lossy(&part).replace(".SH ", ".SS ");
    page.extend_from_slice(format!(".SH \"{}\"\n", verb.get_name().to_uppercase()).as_bytes());
    page.extend_from_slice(text.as_bytes());
    if let Some(examples) = verb.get_after_help() {
        let text = examples.to_string();
        let (examples, looks) = text.split_once(LOOKS).unwrap_or((&text, ""));
        write_lines("EXAMPLES", examples.trim_start_matches("EXAMPLES\n"), page);
        if !looks.is_empty() {
            write_lines("FORMATS", looks, page);
        }
    }
    Ok(())
}

fn write_lines(title: &str, lines: &str, page: &mut Vec<u8>) {
    page.extend_from_slice(format!(".SS {title}\n.nf\n{}\n.fi\n", roff(lines)).as_bytes());
}

fn write_list(title: &str, entries: &[(&str, &str)], page: &mut Vec<u8>) {
    page.extend_from_slice(format!(".SH \"{title}\"\n").as_bytes());
    for (term, what) in entries {
        page.extend_from_slice(format!(".TP\n\\fB{}\\fR\n{}\n", roff(term), roff(what)).as_bytes());
    }
}

/// Text that roff must not read as its own.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    let lines: Vec<String> = escaped
        .lines()
        .map(|line| {
            if line.starts_with(['.', '\'']) {
                format!("\\&{line}")
            } else {
                line.into()
            }
        })
        .collect();
    lines.join("\n")
}

//! Where a verb runs: the options that all verbs share, the identity, the home, and the three streams.

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::PathBuf;

use serde::Serialize;

use super::failure::{Error, Failure};
use super::options::{Colour, Format, Options};
use super::table::Table;
use super::text::visible;
use crate::names::{AgentId, Caller, Level, Origin, USER};
use crate::root::{self, Home};

/// What a long document is written by.
const PIECE: usize = 64 << 10;

pub struct Context {
    program: &'static str,
    default_speaker: Option<&'static str>,
    options: Options,
    /// Nobody reads our stdout any more.
    closed: Cell<bool>,
}

impl Context {
    pub(super) const fn new(
        program: &'static str,
        default_speaker: Option<&'static str>,
        options: Options,
    ) -> Self {
        Self {
            program,
            default_speaker,
            options,
            closed: Cell::new(false),
        }
    }

    /// The name that a hint tells the reader to type.
    pub const fn program(&self) -> &'static str {
        self.program
    }

    pub const fn options(&self) -> &Options {
        &self.options
    }

    pub fn format(&self) -> Format {
        self.options.format()
    }

    // The home and who speaks.

    pub fn home(&self) -> Result<Home, root::Error> {
        let flag = self.options.home.as_deref();
        let env = variable("DREAMOS_HOME");
        let named = flag.is_some() || env.is_some();
        // Asked only where the home must be looked for.
        let interactive = !named && (io::stdin().is_terminal() || io::stderr().is_terminal());
        let user_home = variable("HOME").map(PathBuf::from);
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let home = Home::find(
            flag,
            env.as_deref(),
            &cwd,
            interactive,
            user_home.as_deref(),
        )?;
        if self.options.insecure_home {
            return Ok(home);
        }
        home.closed()
    }

    /// By what `home` is that one: `option`, `environment`, or `directory`, the one where we stand or above it.
    pub fn home_by(&self) -> &'static str {
        match (&self.options.home, variable("DREAMOS_HOME")) {
            (Some(_), _) => "option",
            (None, Some(_)) => "environment",
            (None, None) => "directory",
        }
    }

    /// `--as`, else the program's own, else `$DREAMOS_AGENT`, else `user`; as written.
    pub fn speaker(&self) -> String {
        let own = || self.default_speaker.map(str::to_owned);
        let environment = || variable("DREAMOS_AGENT").map(|v| v.to_string_lossy().into_owned());
        let named = self.options.speaker.clone();
        named
            .or_else(own)
            .or_else(environment)
            .unwrap_or_else(|| USER.to_owned())
    }

    /// The incarnation of the environment belongs to the agent of the environment, to nobody else.
    pub fn caller(&self, agent: AgentId) -> Caller {
        let text = |name| variable(name).map(|v| v.to_string_lossy().into_owned());
        let another = text("DREAMOS_AGENT").is_some_and(|its| its != agent.as_str());
        Caller {
            incarnation: text("DREAMOS_INCARNATION").filter(|_| !another && agent.as_str() != USER),
            uid: rustix::process::getuid().as_raw(),
            login: text("LOGNAME").or_else(|| text("USER")),
            agent,
            guest: None,
        }
    }

    /// What the environment says, if it says anything: an empty variable is none.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        variable(name)
    }

    /// Where the supervisor, or whoever issued it, put the token of the caller.
    pub fn token(&self) -> Option<PathBuf> {
        variable("DREAMOS_TOKEN_FILE").map(PathBuf::from)
    }

    /// Whose text from outside this program was started for; a handler of mail is told so.
    pub fn taint(&self) -> Option<Origin> {
        let said = variable("DREAMOS_TAINT")?;
        Some(Origin::parse(&said.to_string_lossy()).unwrap_or_else(|_| Origin::unknown()))
    }

    /// The agent of whose life this program is a part.
    pub fn runs_as(&self) -> Option<AgentId> {
        variable("DREAMOS_INCARNATION")?;
        let agent = variable("DREAMOS_AGENT")?;
        AgentId::parse(&agent.to_string_lossy()).ok()
    }

    // What a person may be asked.

    /// Whether somebody is there to answer.
    pub fn may_ask(&self) -> bool {
        !self.options.no_input && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    // Results.

    /// Nobody reads on; a verb that only prints may stop.
    pub fn nobody_listens(&self) -> bool {
        self.closed.get()
    }

    /// What was asked for. A reader that went away is no error.
    pub fn print(&self, text: &str) -> Result<(), Error> {
        self.print_bytes(text.as_bytes())
    }

    /// As `print`, of what need not be text.
    pub fn print_bytes(&self, bytes: &[u8]) -> Result<(), Error> {
        self.print_by(|out| out.write_all(bytes))
    }

    /// Piece by piece: a long listing need not fit into memory twice.
    pub fn print_json(&self, document: &impl Serialize) -> Result<(), Error> {
        self.print_by(|out| {
            let mut out = BufWriter::with_capacity(PIECE, out);
            serde_json::to_writer(&mut out, document)?;
            out.write_all(b"\n")?;
            out.flush()
        })
    }

    fn print_by(
        &self,
        write: impl FnOnce(&mut io::StdoutLock<'_>) -> io::Result<()>,
    ) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        match write(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed.set(true);
                Ok(())
            }
            other => other.map_err(Error::Output),
        }
    }

    pub fn print_table(&self, table: &Table) -> Result<(), Error> {
        match self.format() {
            Format::Plain => self.print(&table.tabbed()),
            _ => self.print(&self.head_emphasised(&table.aligned())),
        }
    }

    /// What became of a change. The change stands, so that a stdout that takes nothing is only warned of.
    pub fn report(&self, line: &str, document: &impl Serialize) {
        let printed = match self.format() {
            Format::Json | Format::Jsonl => self.print_json(document),
            _ if self.options.quiet => return,
            _ => self.print(&format!("{line}\n")),
        };
        if let Err(error) = printed {
            self.warn(&error.to_string());
        }
    }

    // Talk.

    pub fn warn(&self, text: &str) {
        (self.warner())(text);
    }

    /// `warn` for whoever outlives the context.
    pub fn warner(&self) -> impl Fn(&str) + use<> {
        let quiet = self.options.quiet;
        move |text| {
            if !quiet {
                tell(&format!("warning: {}", visible(text)));
            }
        }
    }

    pub fn note(&self, text: &str) {
        if !self.options.quiet {
            tell(&visible(text));
        }
    }

    /// What went wrong and stands in the document already: for people, also under `-q`.
    pub fn complain(&self, text: &str) {
        if !self.format().is_json() {
            tell(&visible(text));
        }
    }

    /// Under `-v`: a file that is read or written.
    pub fn trace(&self, what: impl FnOnce() -> String) {
        if self.options.verbose > 0 {
            tell(&visible(&what()));
        }
    }

    pub fn fail(&self, failure: &Failure) {
        if self.format().is_json() {
            tell(&failure.document().to_string());
        } else {
            tell(failure.text().trim_end());
        }
    }

    // Looks.

    /// Mail, as this stdout can bear it: made visible on a terminal, as it is in a pipe.
    pub fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.on_terminal() {
            visible(text)
        } else {
            Cow::Borrowed(text)
        }
    }

    pub fn on_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether a person sees the talk.
    pub fn talk_on_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// How many columns a line may have: without a terminal, what a mail reader shows.
    pub fn columns(&self) -> usize {
        const USUAL: usize = 100;
        if !self.on_terminal() {
            return USUAL;
        }
        rustix::termios::tcgetwinsize(io::stdout())
            .map_or(USUAL, |size| usize::from(size.ws_col))
            .max(40)
    }

    pub fn urgent(&self, text: &str) -> String {
        self.painted("1;31", text)
    }

    pub fn strong(&self, text: &str) -> String {
        self.painted("1", text)
    }

    /// By how grave it is.
    pub fn graded(&self, level: Level, text: &str) -> String {
        let code = match level {
            Level::Debug => "2",
            Level::Info => "32",
            Level::Warn => "33",
            Level::Error => "1;31",
        };
        self.painted(code, text)
    }

    pub fn faint(&self, text: &str) -> String {
        self.painted("2", text)
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.in_colour() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn head_emphasised(&self, table: &str) -> String {
        let (head, rows) = table.split_once('\n').unwrap_or((table, ""));
        let mut text = self.strong(head);
        write!(text, "\n{rows}").expect("a string grows");
        text
    }

    fn in_colour(&self) -> bool {
        match self.options.colour.unwrap_or_default() {
            Colour::Always => true,
            Colour::Never => false,
            // https://no-color.org, https://bixense.com/clicolors
            Colour::Auto if variable("NO_COLOR").is_some() => false,
            Colour::Auto if variable("CLICOLOR_FORCE").is_some_and(|v| v != "0") => true,
            Colour::Auto => self.on_terminal() && variable("TERM").is_none_or(|t| t != "dumb"),
        }
    }
}

fn tell(line: &str) {
    // A closed stderr leaves nobody to tell.
    let _: io::Result<()> = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Set and not empty: an empty variable is how a shell unsets one for a single command.
pub(super) fn variable(name: impl AsRef<OsStr>) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

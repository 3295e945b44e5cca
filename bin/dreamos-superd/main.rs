//! The supervisor of one agent. Started by `agentctl start`, never by hand: it takes no options.

use std::process::ExitCode;

use dreamos::root::Home;
use dreamos::supervisor;

fn main() -> ExitCode {
    let Some(home) = std::env::args_os().nth(1) else {
        // Standard error may be a terminal here: nobody handed anything over.
        return ExitCode::from(2);
    };
    match supervisor::run(Home::at(home)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever started us was told why.
        Err(_) => ExitCode::FAILURE,
    }
}

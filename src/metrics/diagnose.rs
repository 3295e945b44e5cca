//! What a program that goes on says of itself: into `system.log`, which is rotated with the others, and warnings to
//! stderr as well. The one file that knows the logger.

use flexi_logger::writers::LogWriter;
use flexi_logger::{DeferredNow, Duplicate, LogSpecification, Logger, LoggerHandle};
use log::{LevelFilter, Record};

use super::error::Error;
use crate::logs;
use crate::names::{AgentId, Caller, Channel, Event, Level};
use crate::root::Home;
use crate::time::Now;

/// As long as it is there, what is said is written down.
pub struct Diagnostics(LoggerHandle);

impl Drop for Diagnostics {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Once a process; `room` is whose events it makes.
pub fn diagnose(home: &Home, caller: &Caller, room: &'static str) -> Result<Diagnostics, Error> {
    let writer = SystemLog {
        room,
        home: home.clone(),
        caller: Caller {
            agent: AgentId::system(),
            incarnation: None,
            ..caller.clone()
        },
    };
    // Of the libraries only what is wrong: one of them tells of every look that it takes.
    let mut only_ours = LogSpecification::builder();
    only_ours.default(LevelFilter::Warn);
    for ours in ["dreamos", "metricsd", "discordbot"] {
        only_ours.module(ours, LevelFilter::Info);
    }
    let only_ours = only_ours.build();
    Logger::with(only_ours)
        .log_to_writer(Box::new(writer))
        .duplicate_to_stderr(Duplicate::Warn)
        .format_for_stderr(|out, _, record| write!(out, "warning: {}", record.args()))
        .start()
        .map(Diagnostics)
        .map_err(|error| Error::Diagnostics(error.to_string()))
}

struct SystemLog {
    room: &'static str,
    home: Home,
    caller: Caller,
}

impl LogWriter for SystemLog {
    fn write(&self, _: &mut DeferredNow, record: &Record) -> std::io::Result<()> {
        let (level, event) = match record.level() {
            log::Level::Error => (Level::Error, "warned"),
            log::Level::Warn => (Level::Warn, "warned"),
            log::Level::Info => (Level::Info, "noted"),
            log::Level::Debug | log::Level::Trace => (Level::Debug, "noted"),
        };
        let event = Event {
            channel: Channel::System,
            level,
            event: format!("{}.{event}", self.room).into(),
            msg: record.args().to_string(),
            agent: None,
            id: None,
            fields: Vec::new(),
        };
        // What has no room there stands on stderr, if it is a warning.
        let _ = logs::append(&self.home, &self.caller, &[event], Now::read().wall);
        Ok(())
    }

    fn flush(&self) -> std::io::Result<()> {
        Ok(())
    }
}

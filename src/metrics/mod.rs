//! Figures for Prometheus: counters folded from the logs, each line exactly once, and gauges looked at when they are
//! asked for. Whoever does the work counts nothing.
//!
//! Files: `runtime/metrics/fold.json`, what was counted, how far each log was read, and what was told of processor time,
//! all in one file that is replaced whole; `runtime/metrics/.lock`.
//!
//! Invariants: a line is counted with the place behind it or not at all, whatever is killed; a closed log is read to its
//! end before the next; a line that is no event is counted as foreign and never an error. A look takes no lock of
//! anybody else and changes nothing of his.
//!
//! Not here: what is worth an event (the rooms), how long logs are kept (`logs`), alerts (`config/prometheus`).

mod agents;
mod collect;
mod counters;
mod diagnose;
mod disk;
mod error;
mod expose;
mod family;
mod fold;
mod host;
mod look;
mod mail;
mod serve;
mod tasks;
mod token;
mod totals;

pub use collect::{Collected, collect};
pub use diagnose::{Diagnostics, diagnose};
pub use disk::write_textfile;
pub use error::Error;
pub use family::{Bucket, Family, Histogram, Kind, Sample, Value};
pub use serve::Server;
pub use token::Token;

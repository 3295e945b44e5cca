//! The integration tests: real processes, real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cases;
mod completion;
mod contract;
mod discord;
mod duplicates;
mod faults;
mod formats;
mod fuzz;
mod home;
mod house;
mod invariants;
mod lives;
mod logs;
mod memory;
mod metrics;
mod model;
mod original;
mod readme;
mod schemas;
mod security;
mod siege;
mod speech;
mod strangers;
mod tasks;

//! The integration tests: real processes, real files.

mod fuzz;
mod model;
mod original;

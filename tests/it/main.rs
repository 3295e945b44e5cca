//! The integration tests: real processes, real files.

mod cases;
mod completion;
mod fuzz;
mod model;
mod original;
mod schemas;

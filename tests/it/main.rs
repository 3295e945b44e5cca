//! The integration tests: real processes, real files.

mod cases;
mod completion;
mod contract;
mod faults;
mod fuzz;
mod house;
mod model;
mod original;
mod readme;
mod schemas;

//! The integration tests: real processes, real files.

mod contract;
mod fuzz;
mod house;
mod model;
mod original;
mod readme;

//! Rights, asked of the programs themselves.

mod audit;
mod files;
mod identity;
mod kills;
mod leaks;
mod policy;
mod signatures;

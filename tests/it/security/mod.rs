//! Rights, asked of the programs themselves.

mod audit;
mod bombs;
mod files;
mod identity;
mod kills;
mod leaks;
mod outside;
mod policy;
mod signatures;

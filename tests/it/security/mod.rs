//! Rights, asked of the programs themselves.

mod audit;
mod files;
mod identity;
mod policy;
mod sealed;
mod signatures;

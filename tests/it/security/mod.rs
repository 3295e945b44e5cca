//! Rights, asked of the programs themselves.

mod audit;
mod identity;
mod policy;

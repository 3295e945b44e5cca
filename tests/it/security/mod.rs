//! Rights, asked of the programs themselves.

mod identity;
mod policy;

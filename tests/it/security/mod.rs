//! Rights, asked of the programs themselves.

mod policy;

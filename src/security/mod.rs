//! Who may do what, proof of who said it, and the record of it.

pub mod audit;

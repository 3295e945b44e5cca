//! Proof of who said something, and what must not be read by everybody.

pub mod plain;

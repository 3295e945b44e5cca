//! Whole programs in temporary homes.
#![cfg(test)]

mod contract;
mod house;
mod readme;

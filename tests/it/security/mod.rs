//! Rights, asked of the programs themselves.

mod audit;
mod bombs;
mod files;
mod hops;
mod identity;
mod kills;
mod leaks;
mod outside;
mod policy;
mod quotas;
mod sealed;
mod signatures;
mod taint;

//! Rights, asked of the programs themselves.

mod audit;
mod files;
mod hops;
mod identity;
mod policy;
mod quotas;
mod sealed;
mod signatures;
mod taint;

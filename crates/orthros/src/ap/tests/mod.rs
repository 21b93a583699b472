//! The acceptor against requests that each break one rule, and against recorded ones.

mod breaches;
mod exchange;
pub(crate) mod forge;
mod recorded;
mod robustness;

//! The acceptor against requests that each break one rule, and against recorded ones.

mod authorization;
mod breaches;
mod checksums;
mod errors;
mod exchange;
pub(crate) mod forge;
mod keys;
mod peer;
mod recorded;
mod remembered;
mod replay;
mod robustness;

//! The acceptor against requests that each break one rule, and against recorded ones.

mod breaches;
mod exchange;
mod forge;
mod recorded;
mod robustness;

//! The conversations between the parties, tested.

pub mod mit;
pub mod mutations;
pub mod replay;
pub mod secrecy;

/// The quickstarts compile, and the one with a realm of its own runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

//! The conversations between the parties, tested.

pub mod mit;

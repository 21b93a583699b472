//! The conversations between the parties, tested.

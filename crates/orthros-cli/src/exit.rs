//! Exit codes of every command.
//!
//! 0 is success; clap gives 2 for a command line it cannot read.

/// What was looked at failed, and why is printed.
pub(crate) const DIAGNOSED: u8 = 1;
/// A file, a socket or the configuration cannot be used.
pub(crate) const INPUT: u8 = 3;
/// The network or a KDC cannot be reached.
pub(crate) const UNREACHABLE: u8 = 4;
/// Something that must not happen.
pub(crate) const INTERNAL: u8 = 5;

//! The `orthros` command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod demo;
mod dev;
mod exit;

/// The Kerberos V5 client/server exchange, whole and memory-safe.
#[derive(Parser)]
#[command(name = "orthros", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Dev(dev::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Dev(args) => dev::run(&args),
    }
}

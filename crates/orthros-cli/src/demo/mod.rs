//! `orthros demo`: the whole exchange, between separate parties over real sockets.
//!
//! ```text
//! KDC       a realm on loopback                        thread `kdc`
//! service   a TCP listener with a keytab               thread `service`
//! client    password ▶ TGT ▶ ticket ▶ GSS-API context  this thread
//! ```
//!
//! Each party has a clock of its own and knows only what it was told or received.

mod breakage;
mod client;
mod frame;
mod invocation;
mod report;
mod service;
mod stage;

use std::process::ExitCode;
use std::time::Instant;

use orthros::crypto::Enctype;
use orthros::error::Error;

use crate::exit;
use breakage::Breakage;
use report::Report;

/// Watch the whole client/server exchange between a KDC, a service and a client on loopback.
///
/// Nothing outside of this process is read or changed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Provoke a failure and see what the server and the client each say
    #[arg(long = "break", value_name = "WHAT")]
    broken: Option<Breakage>,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,

    /// The enctype of the service's key and of the session
    #[arg(long, value_name = "NAME", value_parser = enctype, default_value = "aes256-cts-hmac-sha1-96")]
    enctype: Enctype,
}

fn enctype(name: &str) -> Result<Enctype, String> {
    match Enctype::from_name(name) {
        Some(enctype) if enctype.is_supported() => Ok(enctype),
        Some(enctype) => Err(format!("{enctype} is not among the enctypes of this build")),
        None => Err("no enctype has this name; aes256-cts-hmac-sha384-192 is one".to_owned()),
    }
}

/// Runs the exchange and prints what happened.
pub(crate) fn run(args: &Args) -> ExitCode {
    let started = Instant::now();
    match stage::play(args.broken, args.enctype) {
        Ok(mut report) => {
            report.elapsed = started.elapsed();
            print(&report, args.json);
            match report.failed() {
                true => ExitCode::from(exit::DIAGNOSED),
                false => ExitCode::SUCCESS,
            }
        }
        Err(error) => {
            eprint!("orthros demo: {}", error.text());
            ExitCode::from(error.exit())
        }
    }
}

fn print(report: &Report, json: bool) {
    if json {
        println!("{}", report.to_json());
    } else {
        print!("{}", report.to_text(&invocation::invocation()));
    }
}

/// Why the demonstration itself could not be given.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A party failed where the script has no failure.
    Party(Error),
    /// A socket, a file, a thread.
    Machine(String),
}

impl Trouble {
    fn text(&self) -> String {
        match self {
            Self::Party(error) => error.explain().render(),
            Self::Machine(what) => format!("{what}\n"),
        }
    }

    fn exit(&self) -> u8 {
        match self {
            Self::Party(Error::Unreachable { .. }) => exit::UNREACHABLE,
            _ => exit::INTERNAL,
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Party(error)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Machine(error.to_string())
    }
}

impl From<orthros_kdc::RealmError> for Trouble {
    fn from(error: orthros_kdc::RealmError) -> Self {
        Self::Machine(error.to_string())
    }
}

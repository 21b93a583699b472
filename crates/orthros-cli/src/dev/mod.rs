//! `orthros dev`: a realm of one's own, around one's own program.

mod command;
mod files;
mod spec;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use orthros_kdc::{PrincipalSpec, RealmError, RealmSpec, TestRealm};

use crate::exit;
use spec::Spec;

/// Run a command, or a shell, in a throwaway Kerberos realm on loopback.
///
/// The realm is the command's alone: its KDC listens on 127.0.0.1, its files are in a directory of
/// their own, and all is gone when the command ends. Programs find it by KRB5_CONFIG, KRB5CCNAME,
/// KRB5_KTNAME and KRB5_CLIENT_KTNAME. Without a command and without a terminal the variables are
/// printed, and the realm stays up until a signal.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The realm's name [default: DEV.TEST]
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,

    /// A user; the password is the name unless it is given. The first one is logged in
    #[arg(long = "user", value_name = "NAME[:PASSWORD]")]
    users: Vec<String>,

    /// A service with random keys, which are written into the keytab
    #[arg(long = "service", value_name = "SPN")]
    services: Vec<String>,

    /// Principals and rules from a TOML file
    #[arg(long, value_name = "FILE.toml")]
    spec: Option<PathBuf>,

    /// The KDC's port, UDP and TCP [default: a free one]
    #[arg(long, value_name = "N")]
    port: Option<u16>,

    /// Where to put the realm's files [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// What to run in the realm
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Why there is no realm, and with which status to say so.
pub(crate) struct Trouble {
    what: String,
    status: u8,
}

impl Trouble {
    fn input(what: impl ToString) -> Self {
        Self {
            what: what.to_string(),
            status: exit::INPUT,
        }
    }
}

impl From<orthros::error::Error> for Trouble {
    fn from(error: orthros::error::Error) -> Self {
        Self {
            what: error.explain().render(),
            status: match error {
                orthros::error::Error::File(_) => exit::INPUT,
                orthros::error::Error::Unreachable { .. } => exit::UNREACHABLE,
                _ => exit::DIAGNOSED,
            },
        }
    }
}

impl From<RealmError> for Trouble {
    fn from(error: RealmError) -> Self {
        Self::input(error)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::input(error)
    }
}

/// Runs it to the end of the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    match started(args) {
        Ok(status) => status,
        Err(trouble) => {
            eprintln!("orthros dev: {}", trouble.what.trim_end());
            ExitCode::from(trouble.status)
        }
    }
}

fn started(args: &Args) -> Result<ExitCode, Trouble> {
    let started = Instant::now();
    let spec = match &args.spec {
        Some(path) => Spec::read(path)?,
        None => Spec::default(),
    };
    let (realm_spec, users) = wanted(args, &spec)?;
    let realm = TestRealm::start_with(&realm_spec)?;
    files::write(&realm, &spec, &realm_spec, &users)?;
    let environment = realm.environment();
    let banner = format!(
        "realm {} ready in {} ms  kdc {} (udp+tcp)  files in {}",
        realm.name(),
        started.elapsed().as_millis(),
        realm.kdc_addr(),
        realm.directory().display()
    );
    match command::of(&args.command, std::io::stdin().is_terminal()) {
        Some(command) => {
            eprintln!("{banner}");
            for user in &users {
                eprintln!("user {} password {}", user.name, user.shown);
            }
            command::run(&command, &environment, &realm.name())
        }
        None => {
            command::stay_up(&banner, &environment)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A user of the command line.
struct User {
    name: String,
    shown: String,
}

fn wanted(args: &Args, spec: &Spec) -> Result<(RealmSpec, Vec<User>), Trouble> {
    let mut realm = RealmSpec {
        realm: args
            .realm
            .clone()
            .or_else(|| spec.realm.clone())
            .unwrap_or_else(|| "DEV.TEST".to_owned()),
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port.or(spec.port).unwrap_or(0))),
        directory: args.dir.clone(),
        ..RealmSpec::default()
    };
    spec.apply(&mut realm)?;
    let mut users = Vec::new();
    for user in &args.users {
        let (name, password) = user.split_once(':').unwrap_or((user, user));
        realm.principals.push(PrincipalSpec::user(name, password));
        users.push(User {
            name: name.to_owned(),
            shown: password.to_owned(),
        });
    }
    for service in &args.services {
        realm.principals.push(PrincipalSpec::service(service));
    }
    Ok((realm, users))
}

//! The command that runs in the realm.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use tokio::process::{Child, Command};
use tokio::runtime::{Builder, Runtime};

use super::Trouble;
use crate::exit;

/// What to run: the command, or a shell on a terminal; `None` to wait for a signal.
pub(super) fn of(command: &[OsString], terminal: bool) -> Option<Vec<OsString>> {
    if !command.is_empty() {
        return Some(command.to_vec());
    }
    let shell = || std::env::var_os("SHELL").unwrap_or_else(|| OsString::from("/bin/sh"));
    terminal.then(|| vec![shell()])
}

fn runtime() -> Result<Runtime, Trouble> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Runs `command` to its end and gives its status.
pub(super) fn run(
    command: &[OsString],
    environment: &[(&'static str, OsString)],
    realm: &str,
) -> Result<ExitCode, Trouble> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(ExitCode::SUCCESS);
    };
    runtime()?.block_on(async {
        // Before the command starts, so that no signal to both ends this process alone.
        let mut signals = Signals::listen()?;
        let mut child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("ORTHROS_DEV_REALM", realm)
            .spawn()
            .map_err(|error| Trouble::input(format!("{}: {error}", program.to_string_lossy())))?;
        loop {
            tokio::select! {
                status = child.wait() => return Ok(code(status?)),
                signal = signals.next() => pass_on(&mut child, signal),
            }
        }
    })
}

fn code(status: std::process::ExitStatus) -> ExitCode {
    let by_signal = || {
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            // As shells count.
            status.signal().map(|signal| signal + 128)
        }
        #[cfg(not(unix))]
        None
    };
    let code = status.code().or_else(by_signal);
    let code = code.and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(exit::INTERNAL))
}

/// Prints the variables for a shell to read, and waits for SIGINT, SIGTERM or SIGHUP.
pub(super) fn stay_up(
    banner: &str,
    environment: &[(&'static str, OsString)],
) -> Result<(), Trouble> {
    runtime()?.block_on(async {
        // First, so that who has read the variables can send one.
        let mut signals = Signals::listen()?;
        print(banner, environment)?;
        signals.next().await;
        Ok(())
    })
}

fn print(banner: &str, environment: &[(&'static str, OsString)]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "# {banner}")?;
    for (name, value) in environment {
        let value = value.to_string_lossy().replace('\'', r"'\''");
        writeln!(out, "export {name}='{value}'")?;
    }
    out.flush()
}

/// Which signal came.
#[derive(Clone, Copy)]
enum Signal {
    /// The terminal's, which the command has got as well.
    Interrupt,
    /// To this process alone.
    Terminate,
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Result<Self, Trouble> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.hangup.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Result<Self, Trouble> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        // Without a console there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

fn pass_on(child: &mut Child, signal: Signal) {
    match signal {
        Signal::Interrupt => {}
        Signal::Terminate => {
            #[cfg(unix)]
            {
                let id = child.id().and_then(|id| i32::try_from(id).ok());
                if let Some(pid) = id.and_then(rustix::process::Pid::from_raw) {
                    // If it is gone already, its status is on its way.
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
                }
            }
            #[cfg(not(unix))]
            let _ = child.start_kill();
        }
    }
}

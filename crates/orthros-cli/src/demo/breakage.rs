//! What `--break` can provoke.

use clap::ValueEnum;

/// A real condition, each with a cause of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Breakage {
    /// The service's clock is ten minutes ahead
    Skew,
    /// The service's key was changed after its keytab was written
    Kvno,
    /// The client still holds a ticket from before the keytab was renewed
    StaleTicket,
    /// The ticket is of an enctype that the service does not permit
    Etype,
    /// The keytab holds another key under the right name, version and enctype
    WrongKey,
    /// The keytab has no key for the service
    NoKey,
    /// The client brings a ticket for another service
    Spn,
    /// Somebody sends the client's request a second time
    Replay,
    /// Somebody changes a bit of the ticket on its way
    TamperTicket,
    /// Somebody changes a bit of the authenticator on its way
    TamperAuthenticator,
    /// The client names somebody else in its authenticator
    ClientMismatch,
    /// The client uses a ticket that has ended
    Expired,
    /// The KDC's clock is an hour ahead, and its ticket begins in the future
    NotYetValid,
    /// The client uses a postdated ticket that was not validated
    InvalidFlag,
    /// The ticket is bound to another address
    Address,
    /// The client is bound to another channel than the one it came by
    Binding,
    /// The authorization data in the ticket was changed
    Pac,
    /// The client sends NTLM instead of Kerberos
    Ntlm,
    /// Somebody without the service's key answers in its place
    Mutual,
}

impl Breakage {
    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// What is provoked, as its help says.
    pub(crate) fn what(self) -> String {
        self.to_possible_value()
            .and_then(|value| value.get_help().map(ToString::to_string))
            .unwrap_or_default()
    }
}

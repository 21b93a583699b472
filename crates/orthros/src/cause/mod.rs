//! The explanation of an error: a stable code, one sentence, facts, likely reasons, what to do.
//!
//! ```text
//! AP_KVNO_STALE_KEYTAB (KRB_AP_ERR_BADKEYVER, 44)
//! The ticket is sealed with key version 2 of HTTP/demo.test@DEMO.TEST; the keytab goes up to version 1.
//!   ticket server   HTTP/demo.test@DEMO.TEST
//!   ...
//!   Likely:  The account's key was changed after this keytab was written.
//!   Next:    klist -kte KEYTAB   # what the keytab holds
//! ```
//!
//! All of it is for the operator; the peer gets [`Error::protocol_code`] and nothing more.
//!
//! Names in an error were often written by the other side. Characters that would move a
//! terminal's cursor or split a log line are therefore shown as escapes, and a name that stands
//! in a command is quoted for the shell.

mod codes;
mod judged;
mod keys;
mod peer;
mod recognise;
#[cfg(feature = "serde")]
mod serialize;
mod windows;
mod words;

#[cfg(test)]
mod tests;

use std::fmt;

pub use recognise::{recognise, recognised};
pub use windows::Windows;

use crate::crypto::CryptoError;
use crate::error::{Error, FileError, KeyVerdict};
use crate::wire::{ErrorCode, Malformed};
use words::{plain, sh};

/// What an operator needs to know about an [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Explanation {
    /// The stable cause code: `AP_KVNO_STALE_KEYTAB`.
    pub code: &'static str,
    /// The number that the peer gets.
    pub protocol_code: i32,
    /// One sentence, on one line.
    pub message: String,
    /// Names and values, in the order in which they help.
    pub facts: Vec<(&'static str, String)>,
    /// What has likely happened, most likely first.
    pub reasons: Vec<String>,
    /// What to do: commands, with a comment behind `#`, and sentences.
    pub fixes: Vec<String>,
    /// What Windows calls it.
    pub windows: Windows,
}

/// The fact under which each key that was considered is listed.
const ENTRY: &str = "keytab entry";

/// How many keys of other principals [`Explanation::render`] lists; `facts` has all of them.
const OTHER_PRINCIPALS_SHOWN: usize = 12;

impl Explanation {
    fn new(code: &'static str, message: impl AsRef<str>) -> Self {
        Self {
            code,
            protocol_code: ErrorCode::KRB_ERR_GENERIC.0,
            message: plain(message.as_ref()),
            facts: Vec::new(),
            reasons: Vec::new(),
            fixes: Vec::new(),
            windows: Self::NO_WINDOWS,
        }
    }

    fn fact(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.facts.push((name, plain(&value.to_string())));
        self
    }

    fn likely(mut self, reason: impl AsRef<str>) -> Self {
        self.reasons.push(plain(reason.as_ref()));
        self
    }

    fn next(mut self, fix: impl AsRef<str>) -> Self {
        self.fixes.push(plain(fix.as_ref()));
        self
    }

    fn nexts(self, fixes: &[&str]) -> Self {
        fixes.iter().fold(self, |this, fix| this.next(fix))
    }

    /// The standard's name of [`Explanation::protocol_code`].
    pub fn protocol_name(&self) -> Option<&'static str> {
        ErrorCode(self.protocol_code).name()
    }

    /// The text for a terminal or a log, several lines, ending in a newline.
    pub fn render(&self) -> String {
        let mut out = format!("{}\n{}\n", self.heading(), self.message);
        let width = self.facts.iter().map(|(name, _)| name.len()).max();
        let width = width.unwrap_or_default().max(7);
        let other = KeyVerdict::OtherPrincipal.to_string();
        let mut others = 0;
        for (name, value) in &self.facts {
            if *name == ENTRY && value.ends_with(&other) {
                others += 1;
                if others > OTHER_PRINCIPALS_SHOWN {
                    continue;
                }
            }
            out.push_str(&format!("  {name:width$}  {value}\n"));
        }
        if let more @ 1.. = others.saturating_sub(OTHER_PRINCIPALS_SHOWN) {
            out.push_str(&format!(
                "  {:width$}  and {more} more of other principals\n",
                ""
            ));
        }
        for (label, lines) in [("Likely:", &self.reasons), ("Next:", &self.fixes)] {
            for (n, line) in lines.iter().enumerate() {
                let label = if n == 0 { label } else { "" };
                out.push_str(&format!("  {label:width$}  {line}\n"));
            }
        }
        out
    }

    /// `AP_CLOCK_SKEW (KRB_AP_ERR_SKEW, 37)`. KRB_ERR_GENERIC says nothing and is left out.
    fn heading(&self) -> String {
        match self.protocol_name() {
            Some(name) if self.protocol_code != ErrorCode::KRB_ERR_GENERIC.0 => {
                format!("{} ({name}, {})", self.code, self.protocol_code)
            }
            _ => self.code.to_owned(),
        }
    }
}

impl fmt::Display for Explanation {
    /// Code and sentence, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.heading(), self.message)
    }
}

impl Error {
    /// The operator's text.
    pub fn explain(&self) -> Explanation {
        let mut explanation = match self {
            Self::Malformed(malformed) => explain_malformed(malformed),
            Self::Rejected(rejection) => judged::explain(rejection),
            Self::Peer(error) => peer::explain(error),
            Self::Unsupported(what) => unsupported(what),
            Self::Crypto(error) => crypto(error),
            Self::Preauthentication(what) => preauthentication(what),
            Self::File(error) => file(error),
            Self::Unreachable { realm, attempts } => unreachable(realm, attempts),
            Self::Misuse(what) => Explanation::new("MISUSE", format!("The program asked for something that cannot be: {what}."))
                .likely("A mistake in the program that uses Orthros; no peer can cause this.")
                .next("Report it to the authors of the program, with this text."),
            Self::Random => Explanation::new("NO_RANDOM", "The operating system gave no random octets, and without them no key or nonce is made.")
                .likely("A sandbox (seccomp, chroot) forbids getrandom(2) and has no /dev/urandom.")
                .likely("The machine is starting and its random generator is not ready.")
                .next("ls -l /dev/urandom   # inside the sandbox or container")
                .next("cat /proc/sys/kernel/random/entropy_avail   # 256 once it is ready"),
        };
        explanation.protocol_code = self.protocol_code().0;
        explanation.windows = self.windows();
        explanation
    }
}

fn explain_malformed(malformed: &Malformed) -> Explanation {
    let Malformed { what, at, why } = malformed;
    if let Some(other) = recognise::lookup(why) {
        let text = format!("This is no {what}: it is {why}.");
        return Explanation::new(other.code, text)
            .fact("expected", what)
            .fact("found", why)
            .likely(other.reason)
            .nexts(other.fixes);
    }
    Explanation::new(
        "MALFORMED",
        format!("This is no {what}: {why}, at octet {at}."),
    )
    .fact("expected", what)
    .fact("octet", at)
    .fact("problem", why)
    .likely("The octets were cut off, or something stands before or behind them (a length, a frame, another encoding).")
    .likely("The sender encodes in BER where the standard demands DER, or speaks another version of the protocol.")
    .likely("Somebody is sending arbitrary octets.")
    .next("openssl asn1parse -inform DER -i -in FILE   # FILE: the octets as received; shows where the form breaks")
}

fn unsupported(what: &str) -> Explanation {
    let start =
        |code| Explanation::new(code, format!("Not supported: {what}.")).fact("unsupported", what);
    if what.starts_with("credential cache type") || what.starts_with("keytab type") {
        start("UNSUPPORTED_FILE_TYPE")
            .likely("The system's krb5.conf or environment keeps credentials where only MIT's libraries reach (KEYRING, KCM, API).")
            .next("env | grep KRB5; grep -E 'default_(ccache|keytab|client_keytab)_name' /etc/krb5.conf")
            .next("KRB5CCNAME=FILE:/tmp/krb5cc_mine kinit   # a cache in a file; start the program with the same KRB5CCNAME")
    } else {
        start("UNSUPPORTED")
            .likely("The other side uses a mechanism that this build does not have.")
            .next("Ask the other side for one that both have.")
    }
}

fn preauthentication(what: &str) -> Explanation {
    Explanation::new(
        "UNSUPPORTED_PREAUTHENTICATION",
        format!("Not supported: {what}."),
    )
    .fact("unsupported", what)
    .likely("The account must log in with a smart card or a one-time password.")
    .likely("The KDC demands FAST, or SPAKE alone.")
    .next("KRB5_TRACE=/dev/stderr kinit NAME   # MIT: what is offered and chosen")
    .next("kadmin getprinc NAME   # MIT: attributes REQUIRES_HW_AUTH, and what the KDC is configured to demand")
}

fn crypto(error: &CryptoError) -> Explanation {
    Explanation::new("UNSUPPORTED_CRYPTOGRAPHY", format!("The cryptography cannot be done: {error}."))
        .fact("unsupported", error)
        .likely("The other side uses an encryption type that is too old to be safe (DES, RC4).")
        .likely("The other side uses one that this build does not have.")
        .next("klist -e   # the encryption types of the tickets at hand")
        .next("Give the account AES keys: MIT, set supported_enctypes and change its password; Active Directory, tick \"This account supports Kerberos AES 256 bit encryption\" and change its password.")
}

fn file(error: &FileError) -> Explanation {
    let FileError { path, at, what } = error;
    let has = |words: &[&str]| words.iter().any(|word| what.contains(word));
    let name = match path.split_once(':') {
        Some(("FILE" | "WRFILE" | "DIR", residual)) => residual,
        _ => path,
    };
    let start = |code, text: String| {
        Explanation::new(code, text)
            .fact("file", path)
            .fact("problem", what)
    };
    if has(&["No such file", "cannot find the"]) {
        start("FILE_NOT_FOUND", format!("There is no {path}."))
            .likely("The name is wrong, or set by KRB5_KTNAME, KRB5CCNAME or KRB5_CONFIG in another environment than this program's.")
            .likely("It was never made: no kinit as this user, no keytab written on this machine.")
            .next(format!("ls -l {}", sh(name)))
            .next("env | grep KRB5   # as the user the program runs as")
    } else if has(&[
        "Permission denied",
        "Access is denied",
        "Operation not permitted",
    ]) {
        start(
            "FILE_PERMISSION",
            format!("{path} exists, and this program may not use it: {what}."),
        )
        .likely("It belongs to another user (keytabs are root's by default).")
        .likely("A sandbox, SELinux or AppArmor forbids it.")
        .next(format!("ls -lZ {}", sh(name)))
        .next("id   # as the user the program runs as")
    } else if let Some(at) = at {
        start("FILE_DAMAGED", format!("{path}, at {at}: {what}."))
            .fact("line or octet", at)
            .likely("It is another kind of file, or was copied as text or only in part.")
            .likely("Two programs wrote it at the same time.")
            .next(format!("file {}", sh(name)))
            .next(format!(
                "klist -kte {0}   # a keytab; klist -c {0} for a credential cache",
                sh(name)
            ))
    } else if what.contains("os error") {
        start("FILE_IO", format!("{path}: {what}."))
            .likely("The disk is full or read-only, or the folder does not exist.")
            .likely("A file system over the network is not reachable.")
            .next(format!("ls -ld {}", sh(name)))
            .next("df -h; mount   # room, and whether it is mounted read-only")
    } else {
        start("FILE_REFUSED", format!("{path}: {what}."))
            .likely(
                "The file is there and can be read, and is not as it must be for what was asked.",
            )
            .next(format!("ls -ld {}", sh(name)))
            .next(format!(
                "klist -kte {0}   # a keytab; klist -c {0} for a credential cache",
                sh(name)
            ))
    }
}

fn unreachable(realm: &str, attempts: &[String]) -> Explanation {
    if attempts
        .iter()
        .all(|attempt| attempt.starts_with("no KDC of"))
    {
        let text = format!("No KDC of {realm} is known.");
        return Explanation::new("KDC_NOT_FOUND", text)
            .fact("realm", realm)
            .likely("krb5.conf has no kdc for the realm in [realms], and DNS has no _kerberos._udp or _kerberos._tcp record for it.")
            .likely("The realm is spelt in the wrong case: realms are upper case by custom, and compared exactly.")
            .next(format!("dig +short SRV _kerberos._udp.{}", sh(realm)))
            .next("Name a kdc in [realms] of krb5.conf.");
    }
    let tried = match attempts.len() {
        1 => "one attempt".to_owned(),
        n => format!("{n} attempts"),
    };
    let mut explanation = Explanation::new(
        "KDC_UNREACHABLE",
        format!("No KDC of {realm} answered ({tried})."),
    )
    .fact("realm", realm);
    for attempt in attempts {
        explanation = explanation.fact("tried", attempt);
    }
    explanation
        .likely("A firewall blocks port 88, often for UDP only.")
        .likely("The KDC is down, or has another address now.")
        .likely("This machine is outside the network in which the KDC answers; a KDC proxy over HTTPS is the way in from there.")
        .next("nc -vz KDC 88   # TCP; add -u for UDP")
        .next(format!("dig +short SRV _kerberos._tcp.{}", sh(realm)))
        .next("Try TCP first: udp_preference_limit = 1 in [libdefaults] of krb5.conf.")
}

//! Which account of this host a principal is: `auth_to_local` of krb5.conf (FILE-32).
//!
//! ```text
//! RULE:[n:string](regex)s/regex/text/g/L
//!      n       the rule is for names of n components
//!      string  is formed first: $0 is the realm, $1 the first component, $2 the second
//!      regex   must match all of it, else the next rule is asked
//!      s/../../ replaces the first match, with g every one; there may be several
//!      /L /U   the result in small or capital letters (Kafka's)
//! DEFAULT      the name of one component, of the local realm
//! ```
//!
//! Only authentication is the acceptor's (AP-42); whether a client may use an account begins here.
//! So nothing is mapped unless it is said, and what could be mistaken for another account never is:
//! see [`LocalNames`].
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod ere;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;

pub use rule::{Rule, RuleError};

use crate::principal::Principal;

/// The longest local name, and the longest string that a rule forms on the way: no system has
/// longer names of accounts.
const MAX_LEN: usize = 256;

/// The rules by which principals become local names: one realm's section of krb5.conf.
///
/// ```text
/// [realms]
///     EXAMPLE.COM = {                                     LocalNames::new("EXAMPLE.COM")
///         auth_to_local_names = { alice = asmith }            .name(alice, "asmith")
///         auth_to_local = RULE:[2:$1;$2](^.*;admin$)s/;.*//   .rules([...])?
///         auth_to_local = DEFAULT
///     }
/// ```
///
/// Safe where MIT krb5 trusts (security case 16):
///
/// - An explicit name is for one principal, realm and all.
/// - Without names and rules the rule is `DEFAULT`; with either, `DEFAULT` must be listed.
/// - The first rule that applies decides. If its result is refused, no later rule is asked.
/// - A rule never gives `root`, nothing, a name with `@` or `/`, or one that reads as a number: see
///   [`NoLocalName::Unsafe`]. [`permit`](Self::permit) lets single names through.
#[derive(Clone, Debug)]
pub struct LocalNames {
    realm: String,
    names: HashMap<Principal, String>,
    rules: Option<Vec<Rule>>,
    permitted: HashSet<String>,
}

impl LocalNames {
    /// The principals of one component of `realm`, which is this host's own, are the accounts of
    /// the same names.
    pub fn new(realm: impl Into<String>) -> Self {
        Self {
            realm: realm.into(),
            names: HashMap::new(),
            rules: None,
            permitted: HashSet::new(),
        }
    }

    /// `principal` is the account `local`, whatever the rules say (`auth_to_local_names`).
    #[must_use]
    pub fn name(mut self, principal: Principal, local: impl Into<String>) -> Self {
        self.names.insert(principal, local.into());
        self
    }

    /// The values of `auth_to_local`, in their order. They come behind those that are there.
    pub fn rules<'r>(
        mut self,
        rules: impl IntoIterator<Item = &'r str>,
    ) -> Result<Self, RuleError> {
        let list = self.rules.get_or_insert_default();
        for rule in rules {
            list.push(rule.parse()?);
        }
        Ok(self)
    }

    /// Rules may give this name although it is one that they never give else.
    #[must_use]
    pub fn permit(mut self, name: impl Into<String>) -> Self {
        self.permitted.insert(name.into());
        self
    }

    /// The local name of `principal`, or why it has none.
    pub fn map(&self, principal: &Principal) -> Result<String, NoLocalName> {
        if let Some(name) = self.names.get(principal) {
            return Ok(name.clone());
        }
        let implied = [Rule::DEFAULT];
        let rules: &[Rule] = match &self.rules {
            Some(rules) => rules,
            None if self.names.is_empty() => &implied,
            None => &[],
        };
        for rule in rules {
            if let Some(name) = rule.apply(principal, &self.realm)? {
                return self.safe(name);
            }
        }
        Err(NoLocalName::NoRule)
    }

    fn safe(&self, name: String) -> Result<String, NoLocalName> {
        match refused(&name) {
            Some(why) if !self.permitted.contains(&name) => Err(NoLocalName::Unsafe { name, why }),
            _ => Ok(name),
        }
    }
}

/// Why a rule may not give this name.
fn refused(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > MAX_LEN {
        return Some("it is longer than any account's");
    }
    if name.eq_ignore_ascii_case("root") {
        return Some("it is the superuser's");
    }
    if name.contains('@') || name.contains('/') {
        return Some("it looks like a principal or a path");
    }
    if name
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || c == ':' || c == ',')
    {
        return Some("it has a character that separates fields");
    }
    if name.starts_with('-') || name == "." || name == ".." {
        return Some("it looks like an option or a directory");
    }
    let number = name.strip_prefix('+').unwrap_or(name);
    let hex = number
        .strip_prefix("0x")
        .or_else(|| number.strip_prefix("0X"))
        .is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
    if hex || number.chars().all(char::is_numeric) {
        return Some("it reads as the number of an account");
    }
    None
}

/// A principal has no local name. That is no authentication failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoLocalName {
    /// No rule applies to it.
    NoRule,
    /// The rule that applies gives a name that could be mistaken for another account (security
    /// case 16): empty, too long, `root` in any case, with `@`, `/`, `:`, `,`, blanks or control
    /// characters, with `-` at the beginning, `.`, `..`, or one that reads as a number.
    Unsafe {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The principal's name is longer than any rule reads.
    TooLong,
}

impl fmt::Display for NoLocalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule => f.write_str("no auth_to_local rule applies to this principal"),
            Self::Unsafe { name, why } => {
                write!(f, "auth_to_local gives {name:?}, which is refused: {why}")
            }
            Self::TooLong => f.write_str("the principal is too long for any auth_to_local rule"),
        }
    }
}

impl std::error::Error for NoLocalName {}

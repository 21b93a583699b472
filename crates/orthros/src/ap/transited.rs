//! The realms a ticket came through (RFC 4120 §2.7, §3.3.3.2).

use std::collections::HashMap;

use crate::error::Rejection;
use crate::wire::{TrType, TransitedEncoding};

/// A path longer than this is refused unread; deployed ones have fewer than ten.
const MAX_REALMS: usize = 100;
const MAX_REALM_LEN: usize = 1024;
/// All its names together: each may repeat the whole of the one before it, so that what a short
/// field stands for grows with its square.
const MAX_PATH_LEN: usize = 16 * 1024;

/// Which realms may stand between a client's realm and ours (AP-32).
#[derive(Clone, Debug, Default)]
pub struct TransitedPolicy {
    capaths: HashMap<(String, String), Vec<String>>,
    kdc_only: bool,
    anonymous: bool,
}

impl TransitedPolicy {
    /// Nothing but the hierarchy: between `A.EXAMPLE` and `B.EXAMPLE` stands `EXAMPLE`.
    pub fn hierarchical() -> Self {
        Self::default()
    }

    /// Nothing but what the KDC has checked: a foreign client whose ticket has the flag
    /// TRANSITED-POLICY-CHECKED clear is refused, though it came directly.
    pub fn checked_by_kdc() -> Self {
        Self {
            kdc_only: true,
            ..Self::default()
        }
    }

    /// Judges the path of anonymous clients like any other. Else it may be any (AP-33).
    #[must_use]
    pub fn anonymous_too(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// The entry `client = { server = intermediate ... }` of `[capaths]` (FILE-31). It replaces
    /// the hierarchy for this pair; `.` or an empty list allows the direct path only. Several for
    /// one pair are one.
    #[must_use]
    pub fn capath(
        mut self,
        client: impl Into<String>,
        server: impl Into<String>,
        intermediates: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let path = intermediates.into_iter().map(Into::into);
        self.capaths
            .entry((client.into(), server.into()))
            .or_default()
            .extend(path.filter(|realm: &String| realm != "."));
        self
    }

    /// Judges the transited field of a ticket whose TRANSITED-POLICY-CHECKED flag is clear
    /// (AP-32, AP-33).
    pub fn check(
        &self,
        client_realm: &str,
        server_realm: &str,
        transited: &TransitedEncoding<'_>,
    ) -> Result<(), Rejection> {
        let refuse = |why: String| Rejection::Transited {
            client_realm: client_realm.to_owned(),
            server_realm: server_realm.to_owned(),
            why,
        };
        let contents = transited.contents.as_bytes();
        if client_realm == "WELLKNOWN:ANONYMOUS" && !self.anonymous {
            return Ok(());
        }
        if self.kdc_only {
            return Err(refuse("no KDC has checked the path".to_owned()));
        }
        if contents.is_empty() {
            return Ok(());
        }
        if transited.tr_type != TrType::DOMAIN_X500_COMPRESS {
            return Err(refuse(format!("transited encoding {}", transited.tr_type)));
        }
        let path = expand(contents, client_realm, server_realm).map_err(|w| refuse(w.into()))?;
        let pair = (client_realm.to_owned(), server_realm.to_owned());
        let allowed = match self.capaths.get(&pair) {
            Some(path) => path.iter().map(String::as_str).collect(),
            None => between(client_realm, server_realm),
        };
        for realm in path {
            if realm.starts_with("WELLKNOWN:") {
                return Err(refuse(format!("{realm} is no realm to come through")));
            }
            if realm != client_realm && realm != server_realm && !allowed.contains(&realm.as_str())
            {
                return Err(refuse(format!("came through {realm}")));
            }
        }
        Ok(())
    }
}

/// Expands DOMAIN-X500-COMPRESS (RFC 4120 §3.3.3.2).
///
/// Subfields are separated by commas. One that ends in `.` is put in front of the realm before
/// it, one that begins with `/` behind it, one that begins with a space stands as it is without
/// the space. An empty subfield stands for all realms between its neighbours, which are the
/// client's and the server's realm at the ends. `\` quotes.
pub fn expand(
    contents: &[u8],
    client_realm: &str,
    server_realm: &str,
) -> Result<Vec<String>, &'static str> {
    let text = std::str::from_utf8(contents).map_err(|_| "the transited field is not text")?;
    let mut realms: Vec<String> = Vec::new();
    let mut gap_after: Option<String> = None;
    let fields = split(text)?;
    let last = fields.len().saturating_sub(1);
    for (n, field) in fields.into_iter().enumerate() {
        if field.text.is_empty() {
            let before = realms.last().map_or(client_realm, String::as_str);
            let before = before.to_owned();
            if n == last {
                add(&mut realms, between(&before, server_realm))?;
            } else {
                gap_after = Some(before);
            }
            continue;
        }
        let previous = realms.last().cloned().unwrap_or_default();
        let realm = if field.prefix {
            format!("{}{previous}", field.text)
        } else if field.suffix {
            format!("{previous}{}", field.text)
        } else {
            field.text
        };
        if realm.len() > MAX_REALM_LEN {
            return Err("a realm in the transited field is too long");
        }
        if let Some(before) = gap_after.take() {
            add(&mut realms, between(&before, &realm))?;
        }
        add(&mut realms, [realm.as_str()])?;
    }
    Ok(realms)
}

/// Adds realms to a path, within its bounds.
fn add<'a>(
    path: &mut Vec<String>,
    realms: impl IntoIterator<Item = &'a str>,
) -> Result<(), &'static str> {
    let mut len: usize = path.iter().map(String::len).sum();
    for realm in realms {
        len += realm.len();
        if path.len() == MAX_REALMS || len > MAX_PATH_LEN {
            return Err("too many realms in the transited field");
        }
        path.push(realm.to_owned());
    }
    Ok(())
}

#[derive(Default)]
struct Field {
    text: String,
    /// Goes in front of the realm before it.
    prefix: bool,
    /// Goes behind the realm before it.
    suffix: bool,
}

fn split(text: &str) -> Result<Vec<Field>, &'static str> {
    let mut fields = vec![Field::default()];
    let mut chars = text.chars();
    let mut literal = false;
    while let Some(c) = chars.next() {
        let Some(field) = fields.last_mut() else {
            break;
        };
        match c {
            ',' => {
                if fields.len() > MAX_REALMS {
                    return Err("too many realms in the transited field");
                }
                fields.push(Field::default());
                literal = false;
                continue;
            }
            '\\' => {
                let quoted = chars
                    .next()
                    .ok_or("the transited field ends in a backslash")?;
                field.text.push(quoted);
                field.prefix = false;
                continue;
            }
            ' ' if field.text.is_empty() && !literal => {
                literal = true;
                continue;
            }
            '\0' => return Err("a NUL in the transited field"),
            '/' if field.text.is_empty() && !literal => field.suffix = true,
            _ => {}
        }
        field.text.push(c);
        field.prefix = c == '.' && !field.suffix && !literal;
    }
    Ok(fields)
}

/// The realms strictly between two in the hierarchy of names: up from the one to what they have
/// in common, down to the other.
pub fn between<'a>(from: &'a str, to: &'a str) -> Vec<&'a str> {
    let ups = ancestors(from);
    let downs = ancestors(to);
    let common = ups.iter().find(|realm| downs.contains(realm)).copied();
    let up = ups.iter().take_while(|r| Some(**r) != common);
    let mut path: Vec<&str> = up.copied().collect();
    path.extend(common);
    let down: Vec<&str> = downs
        .iter()
        .take_while(|r| Some(**r) != common)
        .copied()
        .collect();
    path.extend(down.into_iter().rev());
    path.into_iter()
        .filter(|realm| *realm != from && *realm != to)
        .collect()
}

/// The realm and what it is part of: `A.B.C`, `B.C`, `C`; `/X/Y/Z`, `/X/Y`, `/X`.
fn ancestors(realm: &str) -> Vec<&str> {
    let mut all = vec![realm];
    let mut rest = realm;
    for _ in 0..MAX_REALMS {
        let shorter = if realm.starts_with('/') {
            rest.rfind('/').map(|at| rest.split_at(at).0)
        } else {
            rest.split_once('.').map(|(_, parent)| parent)
        };
        match shorter {
            Some(parent) if !parent.is_empty() => {
                all.push(parent);
                rest = parent;
            }
            _ => break,
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::OctetString;

    fn expanded(contents: &str) -> Vec<String> {
        expand(contents.as_bytes(), "CLIENT.EDU", "SERVER.EDU").unwrap()
    }

    /// The examples of RFC 4120 §3.3.3.2.
    #[test]
    fn kdc_28_examples_of_the_standard() {
        assert_eq!(
            expanded("EDU,MIT.,ATHENA.,WASHINGTON.EDU,CS."),
            [
                "EDU",
                "MIT.EDU",
                "ATHENA.MIT.EDU",
                "WASHINGTON.EDU",
                "CS.WASHINGTON.EDU"
            ]
        );
        assert_eq!(
            expanded("/COM,/HP,/APOLLO, /COM/DEC"),
            ["/COM", "/COM/HP", "/COM/HP/APOLLO", "/COM/DEC"]
        );
        let of = |from, to| expand(b",EDU, /COM,", from, to).unwrap();
        assert_eq!(of("MIT.EDU", "/COM/HP"), ["EDU", "/COM"]);
        assert_eq!(
            of("ATHENA.MIT.EDU", "/COM/HP/APOLLO"),
            ["MIT.EDU", "EDU", "/COM", "/COM/HP"]
        );
    }

    #[test]
    fn quoting() {
        assert_eq!(expanded(r"A\,B,X"), ["A,B", "X"]);
        assert_eq!(expanded(r"EDU,MIT\."), ["EDU", "MIT."]);
        assert!(expand(br"A\", "C", "S").is_err());
        assert!(expand(b"A\0", "C", "S").is_err());
        assert!(expand(&[0xff], "C", "S").is_err());
        assert!(expand("/a,".repeat(5000).as_bytes(), "C", "S").is_err());
        // Each name repeats the one before it: a path of few octets is short all the same.
        assert!(expand("/abcdef,".repeat(90).as_bytes(), "C", "S").is_err());
        assert!(expand("/abcdef,".repeat(40).as_bytes(), "C", "S").is_ok());
        // One name, and fields that stand for none.
        assert!(expand(&[b'a'; MAX_REALM_LEN], "C", "S").is_ok());
        assert!(expand(&[b'a'; MAX_REALM_LEN + 1], "C", "S").is_err());
        assert!(expand(",".repeat(MAX_REALMS).as_bytes(), "C", "S").is_ok());
        assert!(expand(",".repeat(MAX_REALMS + 1).as_bytes(), "C", "S").is_err());
        let deep = "a.".repeat(500);
        assert!(expand(b",X,", &deep, "S").is_err());
        assert!(expand(&vec![b'a'; 70_000], "C", "S").is_err());
    }

    #[test]
    fn hierarchy() {
        assert_eq!(between("A.X.COM", "B.X.COM"), ["X.COM"]);
        assert_eq!(between("A.B.X.COM", "X.COM"), ["B.X.COM"]);
        assert!(between("X.COM", "X.COM").is_empty());
        assert_eq!(between("A.COM", "B.ORG"), ["COM", "ORG"]);
        assert_eq!(between("/C/O/A", "/C/O/B"), ["/C/O"]);
    }

    fn check(policy: &TransitedPolicy, tr_type: i32, contents: &str) -> Result<(), Rejection> {
        let transited = TransitedEncoding {
            tr_type: TrType(tr_type),
            contents: OctetString(contents.as_bytes()),
        };
        policy.check("A.X.COM", "B.X.COM", &transited)
    }

    #[test]
    fn ap_32_and_file_31_path() {
        let policy = TransitedPolicy::hierarchical();
        assert!(check(&policy, 1, "").is_ok());
        assert!(check(&policy, 0, "").is_ok());
        assert!(check(&policy, 1, "X.COM").is_ok());
        assert!(check(&policy, 1, "X.COM,EVIL.ORG").is_err());
        assert!(check(&policy, 2, "X.COM").is_err());
        let policy = policy.capath("A.X.COM", "B.X.COM", ["HUB.ORG"]);
        assert!(check(&policy, 1, "HUB.ORG").is_ok());
        assert!(check(&policy, 1, "X.COM").is_err());
        // Repeated, the values are one list; `.` is the direct path.
        let policy = policy.capath("A.X.COM", "B.X.COM", ["OTHER.ORG"]);
        assert!(check(&policy, 1, "HUB.ORG,OTHER.ORG").is_ok());
        let direct = TransitedPolicy::hierarchical().capath("A.X.COM", "B.X.COM", ["."]);
        assert!(check(&direct, 1, "").is_ok());
        assert!(check(&direct, 1, "X.COM").is_err());
        // Of another pair, or of this one the other way round, it says nothing.
        let other = TransitedPolicy::hierarchical()
            .capath("B.X.COM", "A.X.COM", ["HUB.ORG"])
            .capath("A.X.COM", "C.X.COM", ["HUB.ORG"]);
        assert!(check(&other, 1, "HUB.ORG").is_err());
        assert!(check(&other, 1, "X.COM").is_ok());
    }

    #[test]
    fn ap_33_wellknown_realm_in_the_path() {
        let policy =
            TransitedPolicy::hierarchical().capath("A.X.COM", "B.X.COM", ["WELLKNOWN:FOO"]);
        assert!(check(&policy, 1, "WELLKNOWN:FOO").is_err());
        let transited = TransitedEncoding {
            tr_type: TrType(1),
            contents: OctetString(b"EVIL.ORG"),
        };
        let policy = TransitedPolicy::hierarchical();
        assert!(policy.check("WELLKNOWN:ANONYMOUS", "B", &transited).is_ok());
    }
}

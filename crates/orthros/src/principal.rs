//! Principal names: a realm and components, MIT's text form, comparison by octets.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::wire::{KerberosString, NameType, PrincipalName};

/// A principal: `primary[/instance...]@REALM`.
///
/// Two principals are equal if realm and components are, octet for octet; the name type is a hint
/// and not compared (MSG-13, RFC 4120 §6.2). Realms differ by case in Kerberos, whatever Active
/// Directory makes of them.
///
/// Cloning copies no text.
#[derive(Clone)]
pub struct Principal(Arc<Parts>);

struct Parts {
    name_type: NameType,
    /// The realm and the components, without anything between them.
    text: Box<str>,
    /// Where in the text the realm ends, and each component.
    ends: Box<[usize]>,
}

impl Principal {
    /// A principal of its parts. NUL is refused, as are a name without components and an empty
    /// realm (MSG-12).
    pub fn new<R, C>(realm: R, name_type: NameType, components: C) -> Result<Self, NameError>
    where
        R: AsRef<str>,
        C: IntoIterator,
        C::Item: AsRef<str>,
    {
        let mut text = String::with_capacity(64);
        text.push_str(realm.as_ref());
        let realm_end = text.len();
        let mut ends = Vec::with_capacity(4);
        ends.push(realm_end);
        for component in components {
            text.push_str(component.as_ref());
            ends.push(text.len());
        }
        if realm_end == 0 {
            return Err(NameError::EmptyRealm);
        }
        if text.len() == realm_end {
            return Err(NameError::NoComponents);
        }
        if text.contains('\0') {
            return Err(NameError::Nul);
        }
        Ok(Self(Arc::new(Parts {
            name_type,
            text: text.into_boxed_str(),
            ends: ends.into_boxed_slice(),
        })))
    }

    /// The ticket-granting service of `realm` as known to itself: `krbtgt/REALM@REALM`.
    pub fn krbtgt(realm: &str) -> Result<Self, NameError> {
        Self::new(realm, NameType::SRV_INST, ["krbtgt", realm])
    }

    /// Parses MIT's text form: `/` separates components, `@` starts the realm, `\` quotes the
    /// next octet, and `\n \t \b \0` are control characters (GSS-57).
    ///
    /// Without `@` the realm is `default_realm`.
    pub fn parse(text: &str, default_realm: Option<&str>) -> Result<Self, NameError> {
        let mut components = vec![String::new()];
        let mut realm: Option<String> = None;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let literal = match c {
                '\\' => match chars.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('b') => '\u{8}',
                    Some('0') => return Err(NameError::Nul),
                    Some(other) => other,
                    None => return Err(NameError::TrailingBackslash),
                },
                '/' if realm.is_none() => {
                    components.push(String::new());
                    continue;
                }
                '@' if realm.is_none() => {
                    realm = Some(String::new());
                    continue;
                }
                '@' => return Err(NameError::TwoRealms),
                other => other,
            };
            match (&mut realm, components.last_mut()) {
                (Some(realm), _) => realm.push(literal),
                (None, Some(component)) => component.push(literal),
                (None, None) => {}
            }
        }
        let realm = match (realm, default_realm) {
            (Some(realm), _) => realm,
            (None, Some(default)) => default.to_owned(),
            (None, None) => return Err(NameError::NoRealm),
        };
        let name_type = match components.as_slice() {
            [first, _] if first == "krbtgt" => NameType::SRV_INST,
            [_, _] => NameType::SRV_HST,
            _ => NameType::PRINCIPAL,
        };
        Self::new(realm, name_type, components)
    }

    /// From a message. What RFC 4120 §5.2 lets a message hold and a principal may not is refused.
    pub fn from_wire(
        realm: &KerberosString<'_>,
        name: &PrincipalName<'_>,
    ) -> Result<Self, NameError> {
        Self::new(
            realm.0,
            name.name_type,
            name.name_string.iter().map(|c| c.0),
        )
    }

    /// The name for a message; the realm travels beside it.
    pub fn to_wire(&self) -> PrincipalName<'_> {
        PrincipalName {
            name_type: self.name_type(),
            name_string: self.components().map(KerberosString).collect(),
        }
    }

    /// The realm for a message.
    pub fn realm_to_wire(&self) -> KerberosString<'_> {
        KerberosString(self.realm())
    }

    /// Whether a message names this principal: realm and components, octet for octet (AP-26).
    pub fn matches(&self, realm: &KerberosString<'_>, name: &PrincipalName<'_>) -> bool {
        self.realm() == realm.0
            && self
                .components()
                .eq(name.name_string.iter().map(|component| component.0))
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        let end = self.0.ends.first().copied().unwrap_or_default();
        self.0.text.get(..end).unwrap_or_default()
    }

    /// The name type, a hint.
    pub fn name_type(&self) -> NameType {
        self.0.name_type
    }

    /// The same principal under another name type.
    #[must_use]
    pub fn with_name_type(self, name_type: NameType) -> Self {
        Self(Arc::new(Parts {
            name_type,
            text: self.0.text.clone(),
            ends: self.0.ends.clone(),
        }))
    }

    /// The components of the name.
    pub fn components(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.0.ends.windows(2).map(|window| match window {
            [start, end] => self.0.text.get(*start..*end).unwrap_or_default(),
            _ => "",
        })
    }

    /// The component at `index`, if there is one.
    pub fn component(&self, index: usize) -> Option<&str> {
        self.components().nth(index)
    }

    /// Whether this is a ticket-granting service, `krbtgt/X@Y`.
    pub fn is_krbtgt(&self) -> bool {
        self.components().len() == 2 && self.component(0) == Some("krbtgt")
    }

    /// The name without the realm, quoted as in the text form.
    pub fn name(&self) -> String {
        let mut out = String::new();
        for (n, component) in self.components().enumerate() {
            if n > 0 {
                out.push('/');
            }
            quote(component, &mut out);
        }
        out
    }

    /// The salt of RFC 4120 §4 when nothing else is said: realm and components, without
    /// separators (MSG-18).
    pub fn default_salt(&self) -> String {
        self.0.text.to_string()
    }
}

fn quote(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '/' | '@' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            other => out.push(other),
        }
    }
}

impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        self.0.ends == other.0.ends && self.0.text == other.0.text
    }
}

impl Eq for Principal {}

impl Hash for Principal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.text.hash(state);
        self.0.ends.hash(state);
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut realm = String::new();
        quote(self.realm(), &mut realm);
        write!(f, "{}@{realm}", self.name())
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text or a message that names no principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// There is no realm and no default for it.
    NoRealm,
    /// The realm is empty.
    EmptyRealm,
    /// There is no component, or all are empty.
    NoComponents,
    /// A NUL character; C programs would read a shorter name.
    Nul,
    /// `\` with nothing behind it.
    TrailingBackslash,
    /// A second `@` without `\` before it.
    TwoRealms,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRealm => "the principal has no realm and there is no default realm",
            Self::EmptyRealm => "the realm is empty",
            Self::NoComponents => "the principal name is empty",
            Self::Nul => "a principal name cannot hold a NUL character",
            Self::TrailingBackslash => "the principal ends in a backslash that quotes nothing",
            Self::TwoRealms => "the principal has two @; write \\@ for one that is part of a name",
        })
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Principal {
        Principal::parse(text, Some("DEFAULT")).unwrap()
    }

    #[test]
    fn gss_57_text_form() {
        let p = parse("HTTP/web.example.com@EXAMPLE.COM");
        assert_eq!(
            p.components().collect::<Vec<_>>(),
            ["HTTP", "web.example.com"]
        );
        assert_eq!(p.realm(), "EXAMPLE.COM");
        assert_eq!(p.name_type(), NameType::SRV_HST);
        assert_eq!(parse("alice").to_string(), "alice@DEFAULT");
        let p = parse(r"user\@corp.example@REALM");
        assert_eq!(p.component(0), Some("user@corp.example"));
        assert_eq!(p.to_string(), r"user\@corp.example@REALM");
        let p = parse(r"a\/b\\c\n\t\b/x@R");
        assert_eq!(p.component(0), Some("a/b\\c\n\t\u{8}"));
        assert_eq!(p.to_string(), r"a\/b\\c\n\t\b/x@R");
        assert_eq!(Principal::parse("a", None), Err(NameError::NoRealm));
        assert_eq!(
            Principal::parse(r"a\", Some("R")),
            Err(NameError::TrailingBackslash)
        );
        assert_eq!(Principal::parse(r"a\0b", Some("R")), Err(NameError::Nul));
        assert_eq!(
            Principal::parse("a@b@c", Some("R")),
            Err(NameError::TwoRealms)
        );
        assert_eq!(Principal::parse("@R", None), Err(NameError::NoComponents));
        assert_eq!(Principal::parse("a@", None), Err(NameError::EmptyRealm));
    }

    #[test]
    fn msg_12_nul_is_refused_everywhere() {
        let new = |realm: &str, components: &[&str]| {
            Principal::new(realm, NameType::PRINCIPAL, components.iter().copied())
        };
        assert_eq!(new("R\0", &["a"]).unwrap_err(), NameError::Nul);
        assert_eq!(new("R", &["a", "\0"]).unwrap_err(), NameError::Nul);
        assert_eq!(Principal::parse("a\0b@R", None), Err(NameError::Nul));
        assert_eq!(Principal::parse("a@R\0", None), Err(NameError::Nul));
        assert_eq!(new("", &["a"]).unwrap_err(), NameError::EmptyRealm);
        assert_eq!(new("R", &[]).unwrap_err(), NameError::NoComponents);
        assert_eq!(new("R", &["", ""]).unwrap_err(), NameError::NoComponents);
    }

    /// Security case 10, the names: what is a prefix of a name or has it as a prefix is another.
    #[test]
    fn case_010_a_name_is_no_prefix_of_another() {
        let full = parse("krbtgt/EXAMPLE.COM@EXAMPLE.COM");
        assert!(full.is_krbtgt());
        let first = "krbtgt";
        for length in 1..first.len() {
            let other = parse(&format!("{}/EXAMPLE.COM@EXAMPLE.COM", &first[..length]));
            assert_ne!(full, other);
            assert!(!other.is_krbtgt());
            assert!(!other.matches(&full.realm_to_wire(), &full.to_wire()));
        }
        for other in [
            "krbtgtx/EXAMPLE.COM@EXAMPLE.COM",
            "krbtgt/EXAMPLE.COMX@EXAMPLE.COM",
            "krbtgt/EXAMPLE.COM@EXAMPLE.COMX",
            "krbtgt/EXAMPLE.CO@EXAMPLE.COM",
            "krbtgt/EXAMPLE.COM@EXAMPLE.CO",
            "krbtgt@EXAMPLE.COM",
            "krbtgt/EXAMPLE.COM/x@EXAMPLE.COM",
            "KRBTGT/EXAMPLE.COM@EXAMPLE.COM",
            "krbtgt/EXAMPLE.COM@example.com",
        ] {
            let other = parse(other);
            assert_ne!(full, other);
            assert!(
                !full.matches(&other.realm_to_wire(), &other.to_wire()),
                "{other}"
            );
        }
        assert!(full.matches(&full.realm_to_wire(), &full.to_wire()));
    }

    /// Family "name equality": equal names have equal hashes, whatever their type.
    #[test]
    fn equal_names_are_one_entry_of_a_set() {
        let mut set = std::collections::HashSet::new();
        assert!(set.insert(parse("a/b@R")));
        assert!(!set.insert(parse("a/b@R").with_name_type(NameType::UNKNOWN)));
        assert!(set.insert(parse(r"a\/b@R")));
        assert!(set.insert(parse("a/b@r")));
    }

    proptest::proptest! {
        /// Whatever the components hold, the text form leads back to the same name.
        #[test]
        fn gss_57_text_form_round_trips(
            realm in "[^\0]{1,12}",
            components in proptest::collection::vec("[^\0]{1,8}", 1..4),
        ) {
            let principal = Principal::new(realm, NameType::PRINCIPAL, components).unwrap();
            let text = principal.to_string();
            proptest::prop_assert_eq!(Principal::parse(&text, None), Ok(principal.clone()));
            proptest::prop_assert_eq!(Principal::parse(&text, Some("X")), Ok(principal.clone()));
            let wire = principal.to_wire();
            proptest::prop_assert_eq!(
                Principal::from_wire(&principal.realm_to_wire(), &wire),
                Ok(principal)
            );
        }

        #[test]
        fn any_text_is_a_name_or_an_error(text: String) {
            let _ = Principal::parse(&text, Some("R"));
        }
    }

    #[test]
    fn msg_13_name_type_is_not_compared() {
        assert_eq!(
            parse("a@R"),
            parse("a@R").with_name_type(NameType::ENTERPRISE)
        );
        assert_ne!(parse("a@R"), parse("A@R"));
        assert_ne!(parse("a@R"), parse("a@r"));
        assert_ne!(parse("a/b@R"), parse(r"a\/b@R"));
    }
}

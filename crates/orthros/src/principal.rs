//! Principal names: a realm and components, MIT's text form, comparison by octets.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::wire::{KerberosString, NameType, PrincipalName};

/// A principal: `primary[/instance...]@REALM`.
///
/// Two principals are equal if realm and components are, octet for octet; the name type is a hint
/// and not compared (MSG-13, RFC 4120 §6.2). Realms differ by case in Kerberos, whatever Active
/// Directory makes of them.
#[derive(Clone)]
pub struct Principal {
    realm: Box<str>,
    name_type: NameType,
    components: Box<[Box<str>]>,
}

impl Principal {
    /// A principal of its parts. NUL is refused, as are a name without components and an empty
    /// realm (MSG-12).
    pub fn new<R, C>(realm: R, name_type: NameType, components: C) -> Result<Self, NameError>
    where
        R: Into<Box<str>>,
        C: IntoIterator,
        C::Item: Into<Box<str>>,
    {
        let realm = realm.into();
        let components: Box<[Box<str>]> = components.into_iter().map(Into::into).collect();
        if realm.is_empty() {
            return Err(NameError::EmptyRealm);
        }
        if components.is_empty() || components.iter().all(|c| c.is_empty()) {
            return Err(NameError::NoComponents);
        }
        if realm.contains('\0') || components.iter().any(|c| c.contains('\0')) {
            return Err(NameError::Nul);
        }
        Ok(Self {
            realm,
            name_type,
            components,
        })
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
            name_type: self.name_type,
            name_string: self.components.iter().map(|c| KerberosString(c)).collect(),
        }
    }

    /// The realm for a message.
    pub fn realm_to_wire(&self) -> KerberosString<'_> {
        KerberosString(&self.realm)
    }

    /// Whether a message names this principal: realm and components, octet for octet (AP-26).
    pub fn matches(&self, realm: &KerberosString<'_>, name: &PrincipalName<'_>) -> bool {
        *self.realm == *realm.0
            && self.components.len() == name.name_string.len()
            && self
                .components
                .iter()
                .zip(&name.name_string)
                .all(|(a, b)| **a == *b.0)
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The name type, a hint.
    pub fn name_type(&self) -> NameType {
        self.name_type
    }

    /// The same principal under another name type.
    #[must_use]
    pub fn with_name_type(mut self, name_type: NameType) -> Self {
        self.name_type = name_type;
        self
    }

    /// The components of the name.
    pub fn components(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.components.iter().map(|c| &**c)
    }

    /// The component at `index`, if there is one.
    pub fn component(&self, index: usize) -> Option<&str> {
        self.components.get(index).map(|c| &**c)
    }

    /// Whether this is a ticket-granting service, `krbtgt/X@Y`.
    pub fn is_krbtgt(&self) -> bool {
        self.components.len() == 2 && self.component(0) == Some("krbtgt")
    }

    /// The name without the realm, quoted as in the text form.
    pub fn name(&self) -> String {
        let mut out = String::new();
        for (n, component) in self.components.iter().enumerate() {
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
        let mut salt = self.realm.to_string();
        for component in &self.components {
            salt.push_str(component);
        }
        salt
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
        self.realm == other.realm && self.components == other.components
    }
}

impl Eq for Principal {}

impl Hash for Principal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.realm.hash(state);
        self.components.hash(state);
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut realm = String::new();
        quote(&self.realm, &mut realm);
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

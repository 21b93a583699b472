//! Names (RFC 2743 §4, RFC 1964 §2, RFC 6680).
//!
//! ```text
//! octets of a name type ─Name::import─▶ Name ─canonicalize(Locality)─▶ Principal ─export_name─▶ octets
//! ```
//!
//! A [`Name`] is what an application gives: a service at a host, a user, an exported name. In this
//! mechanism its canonical form, the mechanism name, is a [`Principal`]; the exported name is the
//! octets that an access list keeps.
//!
//! ```
//! use orthros::gss::{ExportedName, HostBasedService, Locality};
//!
//! let name = HostBasedService::parse("HTTP@WWW.Example.com")?;
//! let web = name.principal(&Locality::of_realm("EXAMPLE.COM"))?;
//! assert_eq!(web.to_string(), "HTTP/www.example.com@EXAMPLE.COM");
//!
//! let kept = web.export_name();
//! assert_eq!(ExportedName::from_bytes(&kept)?.principal(), &web);
//! # Ok::<(), orthros::gss::BadName>(())
//! ```
//!
//! Nothing here asks the machine or DNS: what a name leaves open, [`Locality`] says.

use std::fmt;

use super::status::MajorStatus;
use super::token::KRB5_OID;
use crate::ap::Accepts;
use crate::error::Error;
use crate::principal::{NameError, Principal};
use crate::wire::{Malformed, NameType};

/// The type of a name (GSS-55).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GssNameType {
    /// `service@host` or `service`: GSS_C_NT_HOSTBASED_SERVICE.
    HostBasedService,
    /// A user: GSS_C_NT_USER_NAME.
    UserName,
    /// The number of a local user, as the machine holds it: GSS_C_NT_MACHINE_UID_NAME.
    MachineUid,
    /// The number of a local user, in decimal digits: GSS_C_NT_STRING_UID_NAME.
    StringUid,
    /// A principal: GSS_KRB5_NT_PRINCIPAL_NAME.
    KerberosPrincipal,
    /// Nobody in particular: GSS_C_NT_ANONYMOUS.
    Anonymous,
    /// An exported name: GSS_C_NT_EXPORT_NAME.
    Export,
    /// An exported name with attributes: GSS_C_NT_COMPOSITE_EXPORT (RFC 6680).
    CompositeExport,
}

/// 1.3.6.1.5.6.2, the first number of GSS_C_NT_HOSTBASED_SERVICE; names come under it still.
const HOST_BASED_FIRST: &[u8] = &[0x06, 0x06, 0x2B, 0x06, 0x01, 0x05, 0x06, 0x02];

impl GssNameType {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::HostBasedService,
        Self::UserName,
        Self::MachineUid,
        Self::StringUid,
        Self::KerberosPrincipal,
        Self::Anonymous,
        Self::Export,
        Self::CompositeExport,
    ];

    /// Its object identifier, DER with tag and length.
    pub const fn oid(self) -> &'static [u8] {
        match self {
            Self::HostBasedService => b"\x06\x0A\x2A\x86\x48\x86\xF7\x12\x01\x02\x01\x04",
            Self::UserName => b"\x06\x0A\x2A\x86\x48\x86\xF7\x12\x01\x02\x01\x01",
            Self::MachineUid => b"\x06\x0A\x2A\x86\x48\x86\xF7\x12\x01\x02\x01\x02",
            Self::StringUid => b"\x06\x0A\x2A\x86\x48\x86\xF7\x12\x01\x02\x01\x03",
            Self::KerberosPrincipal => b"\x06\x0A\x2A\x86\x48\x86\xF7\x12\x01\x02\x02\x01",
            Self::Anonymous => b"\x06\x06\x2B\x06\x01\x05\x06\x03",
            Self::Export => b"\x06\x06\x2B\x06\x01\x05\x06\x04",
            Self::CompositeExport => b"\x06\x06\x2B\x06\x01\x05\x06\x06",
        }
    }

    /// The type of an object identifier, DER with tag and length.
    pub fn from_oid(oid: &[u8]) -> Result<Self, BadName> {
        if oid == HOST_BASED_FIRST {
            return Ok(Self::HostBasedService);
        }
        let mut all = Self::ALL.into_iter();
        all.find(|name_type| name_type.oid() == oid)
            .ok_or_else(|| BadName::Type { oid: oid.to_vec() })
    }
}

/// A name that is none, or that cannot be made a principal here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadName {
    /// The name type is not known (GSS_S_BAD_NAMETYPE).
    Type {
        /// As it came.
        oid: Vec<u8>,
    },
    /// The exported name is of another mechanism (GSS_S_BAD_MECH).
    Mechanism {
        /// As it came.
        oid: Vec<u8>,
    },
    /// It is no principal (GSS_S_BAD_NAME).
    Principal(NameError),
    /// The octets are no name of their type (GSS_S_BAD_NAME).
    Malformed(Malformed),
    /// It leaves open what [`Locality`] does not say either (GSS_S_BAD_NAME).
    Open(&'static str),
}

impl BadName {
    /// The major status.
    pub fn gss_major(&self) -> MajorStatus {
        match self {
            Self::Type { .. } => MajorStatus::BAD_NAMETYPE,
            Self::Mechanism { .. } => MajorStatus::BAD_MECH,
            Self::Principal(_) | Self::Malformed(_) | Self::Open(_) => MajorStatus::BAD_NAME,
        }
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let oid = |oid: &[u8]| {
            let contents = oid.get(2..).unwrap_or_default();
            match der::asn1::ObjectIdentifier::from_bytes(contents) {
                Ok(oid) => oid.to_string(),
                Err(_) => format!("an object identifier of {} octets", oid.len()),
            }
        };
        match self {
            Self::Type { oid: found } => write!(f, "the name type is not known: {}", oid(found)),
            Self::Mechanism { oid: found } => {
                write!(f, "the name is of another mechanism: {}", oid(found))
            }
            Self::Principal(error) => error.fmt(f),
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Open(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for BadName {}

impl From<NameError> for BadName {
    fn from(error: NameError) -> Self {
        Self::Principal(error)
    }
}

impl From<BadName> for Error {
    fn from(name: BadName) -> Self {
        match name {
            BadName::Type { .. } | BadName::Mechanism { .. } => Self::Unsupported(name.to_string()),
            BadName::Principal(error) => error.into(),
            BadName::Malformed(malformed) => malformed.into(),
            BadName::Open(what) => Malformed::new("GSS name", 0, what).into(),
        }
    }
}

fn malformed(at: usize, why: &'static str) -> BadName {
    BadName::Malformed(Malformed::new("GSS name", at, why))
}

type RealmOfHost<'a> = &'a dyn Fn(&str) -> Option<String>;
type UserOfUid<'a> = &'a dyn Fn(u32) -> Option<String>;

/// What a name leaves to the place where it is used.
#[derive(Clone, Copy, Default)]
pub struct Locality<'a> {
    realm: Option<&'a str>,
    host: Option<&'a str>,
    realm_of_host: Option<RealmOfHost<'a>>,
    user_of_uid: Option<UserOfUid<'a>>,
}

impl<'a> Locality<'a> {
    /// Nothing is known: names must be whole.
    pub fn new() -> Self {
        Self::default()
    }

    /// The realm of names without one.
    pub fn of_realm(realm: &'a str) -> Self {
        Self {
            realm: Some(realm),
            ..Self::default()
        }
    }

    /// The name of this host, for services without one (GSS-56).
    #[must_use]
    pub fn host(mut self, host: &'a str) -> Self {
        self.host = Some(host);
        self
    }

    /// Of which realm a host is, where it is not the realm of names without one: what
    /// `[domain_realm]` says.
    #[must_use]
    pub fn realm_of_host(mut self, realm: &'a dyn Fn(&str) -> Option<String>) -> Self {
        self.realm_of_host = Some(realm);
        self
    }

    /// What a local user is called.
    #[must_use]
    pub fn user_of_uid(mut self, user: &'a dyn Fn(u32) -> Option<String>) -> Self {
        self.user_of_uid = Some(user);
        self
    }

    fn realm_for(&self, host: &str) -> Result<String, BadName> {
        self.realm_of_host
            .and_then(|realm| realm(host))
            .or_else(|| self.realm.map(str::to_owned))
            .ok_or(BadName::Principal(NameError::NoRealm))
    }
}

impl fmt::Debug for Locality<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locality")
            .field("realm", &self.realm)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// A service at a host, or at any: `service@host`, `service` (GSS-56).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostBasedService {
    service: String,
    host: Option<String>,
}

impl HostBasedService {
    /// A service at a host.
    pub fn new(service: &str, host: Option<&str>) -> Result<Self, BadName> {
        if service.is_empty() || host.is_some_and(str::is_empty) {
            return Err(malformed(0, "a service or its host is empty"));
        }
        if service.contains(['@', '\0']) || host.is_some_and(|host| host.contains('\0')) {
            return Err(malformed(0, "a character that no service has"));
        }
        Ok(Self {
            service: service.to_owned(),
            host: host.map(str::to_owned),
        })
    }

    /// Parses `service@host` or `service`. There is no quoting.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        match text.split_once('@') {
            Some((service, host)) => Self::new(service, Some(host)),
            None => Self::new(text, None),
        }
    }

    /// The service, as given: its case matters.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The host, as given.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// `service/host`: the host in lower case and without the dot at its end, or the local host. DNS
    /// is not asked. A port or an instance behind one `:` stays as it is, as in `MSSQLSvc@db:1433`.
    pub fn principal(&self, locality: &Locality<'_>) -> Result<Principal, BadName> {
        let open = BadName::Open("the service has no host, and which host this is was not said");
        let host = self.host().or(locality.host).ok_or(open)?;
        let (host, trailer) = match host.split_once(':') {
            // Not an IPv6 address.
            Some((host, port)) if !port.is_empty() && !port.contains(':') => (host, Some(port)),
            _ => (host, None),
        };
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let realm = locality.realm_for(host)?;
        let instance = match trailer {
            Some(trailer) => format!("{host}:{trailer}"),
            None => host.to_owned(),
        };
        let components = [self.service(), &instance];
        Ok(Principal::new(realm, NameType::SRV_HST, components)?)
    }

    /// What an acceptor of this name accepts: with a host that one principal, without one the
    /// service at every host of which there is a key.
    pub fn accepts(&self, locality: &Locality<'_>) -> Result<Accepts, BadName> {
        Ok(match self.host {
            Some(_) => Accepts::Service(self.principal(locality)?),
            None => Accepts::Class(self.service.clone()),
        })
    }
}

impl fmt::Display for HostBasedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{}@{host}", self.service),
            None => f.write_str(&self.service),
        }
    }
}

/// A user, in the text form of a principal; often without a realm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserName(String);

impl UserName {
    /// A user.
    pub fn new(text: &str) -> Result<Self, BadName> {
        parsed(text).map(Self)
    }

    /// The user as a principal.
    pub fn principal(&self, locality: &Locality<'_>) -> Result<Principal, BadName> {
        Ok(Principal::parse(&self.0, locality.realm)?)
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A principal in its text form (GSS-57); one without a realm is of the local one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KerberosName(String);

impl KerberosName {
    /// A principal.
    pub fn new(text: &str) -> Result<Self, BadName> {
        parsed(text).map(Self)
    }

    /// The principal.
    pub fn principal(&self, locality: &Locality<'_>) -> Result<Principal, BadName> {
        Ok(Principal::parse(&self.0, locality.realm)?)
    }
}

impl fmt::Display for KerberosName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text of a principal, if it is one in some realm.
fn parsed(text: &str) -> Result<String, BadName> {
    Principal::parse(text, Some("LOCAL"))?;
    Ok(text.to_owned())
}

/// A local user by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Uid(pub u32);

impl Uid {
    /// The user as a principal of the local realm.
    pub fn principal(self, locality: &Locality<'_>) -> Result<Principal, BadName> {
        let user = locality.user_of_uid.and_then(|user| user(self.0));
        let open = BadName::Open("which user has this number was not said");
        let realm = locality.realm.ok_or(NameError::NoRealm)?;
        Ok(Principal::new(
            realm,
            NameType::PRINCIPAL,
            [user.ok_or(open)?],
        )?)
    }
}

/// An exported name: octets that are equal exactly if the names are (GSS-58).
///
/// ```text
/// 04 01  u16 length of the OID  06 09 2A 86 48 86 F7 12 01 02 02  u32 length  principal
/// 04 02  the same, then  u32 length  attributes                   (composite)
/// ```
///
/// It is believed: whoever wrote it says who somebody is. Keep it where nobody else can write.
#[derive(Clone, Debug)]
pub struct ExportedName {
    principal: Principal,
    attributes: Option<Vec<u8>>,
}

impl ExportedName {
    /// The principal.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The attributes of a composite name, in the form of the implementation that exported them:
    /// they are kept, and not read.
    pub fn attributes(&self) -> Option<&[u8]> {
        self.attributes.as_deref()
    }

    /// Its type: [`Export`](GssNameType::Export), or with attributes
    /// [`CompositeExport`](GssNameType::CompositeExport).
    pub fn name_type(&self) -> GssNameType {
        match self.attributes {
            Some(_) => GssNameType::CompositeExport,
            None => GssNameType::Export,
        }
    }

    /// The octets.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.principal.export_name();
        if let Some(attributes) = &self.attributes {
            if let Some(second) = out.get_mut(1) {
                *second = 2;
            }
            put(attributes, &mut out);
        }
        out
    }

    /// Reads one, to its last octet (security case 54).
    pub fn from_bytes(octets: &[u8]) -> Result<Self, BadName> {
        let mut rest = octets;
        let at = |rest: &[u8]| octets.len() - rest.len();
        let composite = match take(&mut rest, 2) {
            Some([0x04, 0x01]) => false,
            Some([0x04, 0x02]) => true,
            _ => return Err(malformed(0, "it does not start with 04 01 or 04 02")),
        };
        let short = |rest: &[u8]| malformed(at(rest), "it ends too soon");
        let oid = match take(&mut rest, 2) {
            Some(&[high, low]) => take(&mut rest, usize::from(u16::from_be_bytes([high, low]))),
            _ => None,
        };
        let oid = oid.ok_or_else(|| short(rest))?;
        if !is_oid(oid) {
            return Err(malformed(4, "what names the mechanism is no OID"));
        }
        if oid != KRB5_OID {
            return Err(BadName::Mechanism { oid: oid.to_vec() });
        }
        let name = counted(&mut rest).ok_or_else(|| short(rest))?;
        let attributes = match composite {
            true => Some(counted(&mut rest).ok_or_else(|| short(rest))?.to_vec()),
            false => None,
        };
        if !rest.is_empty() {
            return Err(malformed(at(rest), "octets behind its end"));
        }
        let name = text(name)?;
        Ok(Self {
            principal: Principal::parse(name, None)?,
            attributes,
        })
    }
}

impl From<Principal> for ExportedName {
    fn from(principal: Principal) -> Self {
        Self {
            principal,
            attributes: None,
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(taken)
}

/// A length of four octets and as many octets.
fn counted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let &[a, b, c, d] = take(rest, 4)? else {
        return None;
    };
    take(
        rest,
        usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?,
    )
}

fn put(octets: &[u8], out: &mut Vec<u8>) {
    // No name is this long: the text of a principal comes from a message or a file.
    let len = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(octets);
}

/// Whether these are an OBJECT IDENTIFIER, to the last octet.
fn is_oid(octets: &[u8]) -> bool {
    match octets {
        [0x06, len, contents @ ..] => {
            usize::from(*len) == contents.len()
                && contents.len() < 0x80
                && der::asn1::ObjectIdentifier::from_bytes(contents).is_ok()
        }
        _ => false,
    }
}

fn text(octets: &[u8]) -> Result<&str, BadName> {
    std::str::from_utf8(octets)
        .map_err(|error| malformed(error.valid_up_to(), "the text is not UTF-8"))
}

/// A name of any type, as GSS_Import_name gives it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Name {
    /// A service at a host.
    HostBasedService(HostBasedService),
    /// A user.
    UserName(UserName),
    /// A local user by number, as the machine holds it.
    MachineUid(Uid),
    /// A local user by number, in digits.
    StringUid(Uid),
    /// A principal as text.
    KerberosPrincipal(KerberosName),
    /// Nobody in particular.
    Anonymous,
    /// An exported name, composite or not.
    Exported(ExportedName),
}

impl Name {
    /// GSS_Import_name: a name of this type (GSS-55, security case 54).
    pub fn import(name_type: GssNameType, octets: &[u8]) -> Result<Self, BadName> {
        Ok(match name_type {
            GssNameType::HostBasedService => {
                Self::HostBasedService(HostBasedService::parse(text(octets)?)?)
            }
            GssNameType::UserName => Self::UserName(UserName::new(text(octets)?)?),
            GssNameType::KerberosPrincipal => {
                Self::KerberosPrincipal(KerberosName::new(text(octets)?)?)
            }
            GssNameType::MachineUid => match *octets {
                [a, b, c, d] => Self::MachineUid(Uid(u32::from_ne_bytes([a, b, c, d]))),
                _ => return Err(malformed(0, "the number of a user is four octets")),
            },
            GssNameType::StringUid => {
                let digits = text(octets)?;
                let number = match digits.bytes().all(|digit| digit.is_ascii_digit()) {
                    true => digits.parse().ok(),
                    false => None,
                };
                let number = number.ok_or_else(|| malformed(0, "that is no number of a user"));
                Self::StringUid(Uid(number?))
            }
            // What the octets say is of no meaning (RFC 2743 §4.5).
            GssNameType::Anonymous => Self::Anonymous,
            GssNameType::Export | GssNameType::CompositeExport => {
                let exported = ExportedName::from_bytes(octets)?;
                if exported.name_type() != name_type {
                    return Err(malformed(1, "composite or not, its type says otherwise"));
                }
                Self::Exported(exported)
            }
        })
    }

    /// Its type.
    pub fn name_type(&self) -> GssNameType {
        match self {
            Self::HostBasedService(_) => GssNameType::HostBasedService,
            Self::UserName(_) => GssNameType::UserName,
            Self::MachineUid(_) => GssNameType::MachineUid,
            Self::StringUid(_) => GssNameType::StringUid,
            Self::KerberosPrincipal(_) => GssNameType::KerberosPrincipal,
            Self::Anonymous => GssNameType::Anonymous,
            Self::Exported(exported) => exported.name_type(),
        }
    }

    /// GSS_Canonicalize_name: the name in this mechanism.
    pub fn canonicalize(&self, locality: &Locality<'_>) -> Result<Principal, BadName> {
        match self {
            Self::HostBasedService(service) => service.principal(locality),
            Self::UserName(user) => user.principal(locality),
            Self::MachineUid(uid) | Self::StringUid(uid) => uid.principal(locality),
            Self::KerberosPrincipal(name) => name.principal(locality),
            Self::Anonymous => Ok(Principal::anonymous()?),
            Self::Exported(exported) => Ok(exported.principal.clone()),
        }
    }
}

impl fmt::Display for Name {
    /// GSS_Display_name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostBasedService(service) => service.fmt(f),
            Self::UserName(user) => user.fmt(f),
            Self::MachineUid(uid) | Self::StringUid(uid) => uid.0.fmt(f),
            Self::KerberosPrincipal(name) => name.fmt(f),
            Self::Anonymous => write!(f, "{}@{}", ANONYMOUS.join("/"), ANONYMOUS_REALM),
            Self::Exported(exported) => exported.principal.fmt(f),
        }
    }
}

const ANONYMOUS: [&str; 2] = ["WELLKNOWN", "ANONYMOUS"];
const ANONYMOUS_REALM: &str = "WELLKNOWN:ANONYMOUS";

/// The mechanism name.
impl Principal {
    /// `WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS`: a client of which nothing is known, not even the
    /// realm (RFC 8062 §3).
    pub fn anonymous() -> Result<Self, NameError> {
        Self::new(ANONYMOUS_REALM, NameType::WELLKNOWN, ANONYMOUS)
    }

    /// The type of this name for GSS-API: [`Anonymous`](GssNameType::Anonymous) for the
    /// [`anonymous`](Self::anonymous) principal alone. `WELLKNOWN/ANONYMOUS` of another realm is
    /// somebody of that realm (GSS-59).
    pub fn gss_name_type(&self) -> GssNameType {
        let anonymous = self.realm() == ANONYMOUS_REALM && self.components().eq(ANONYMOUS);
        match anonymous {
            true => GssNameType::Anonymous,
            false => GssNameType::KerberosPrincipal,
        }
    }

    /// GSS_Export_name: see [`ExportedName`] (GSS-58).
    pub fn export_name(&self) -> Vec<u8> {
        let name = self.to_string();
        let mut out = Vec::with_capacity(8 + KRB5_OID.len() + name.len());
        out.extend_from_slice(&[0x04, 0x01, 0x00, KRB5_OID.len() as u8]);
        out.extend_from_slice(&KRB5_OID);
        put(name.as_bytes(), &mut out);
        out
    }

    /// GSS_Compare_name: whether both name one party. An anonymous one is nobody's equal
    /// (RFC 2743 §2.4.3).
    pub fn names_same(&self, other: &Self) -> bool {
        self == other && self.gss_name_type() != GssNameType::Anonymous
    }
}

//! Security identifiers (MS-DTYP 2.4.2).

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::error::Fault;

const MAX: usize = 15;

/// A security identifier, `S-1-5-21-...-rid`: revision 1, an identifier authority of 48 bits and
/// up to 15 sub-authorities of 32 bits (PAC-24).
#[derive(Clone, Copy)]
pub struct Sid {
    authority: [u8; 6],
    count: u8,
    sub_authorities: [u32; MAX],
}

impl Sid {
    /// `S-1-18-1`: the client proved its identity to the KDC.
    pub const AUTHENTICATION_AUTHORITY_ASSERTED_IDENTITY: Self = Self::short(18, [1]);

    /// `S-1-18-2`: a service vouched for the client (S4U2self).
    pub const SERVICE_ASSERTED_IDENTITY: Self = Self::short(18, [2]);

    const fn short(authority: u8, [first]: [u32; 1]) -> Self {
        let mut sub_authorities = [0; MAX];
        sub_authorities[0] = first;
        Self {
            authority: [0, 0, 0, 0, 0, authority],
            count: 1,
            sub_authorities,
        }
    }

    /// A SID of its parts; `None` if the authority has more than 48 bits or there are more than
    /// 15 sub-authorities.
    pub fn new(authority: u64, sub_authorities: &[u32]) -> Option<Self> {
        let [0, 0, authority @ ..] = authority.to_be_bytes() else {
            return None;
        };
        let mut sid = Self {
            authority,
            count: u8::try_from(sub_authorities.len()).ok()?,
            sub_authorities: [0; MAX],
        };
        sid.sub_authorities
            .get_mut(..sub_authorities.len())?
            .copy_from_slice(sub_authorities);
        Some(sid)
    }

    /// The SID that is exactly these octets.
    pub fn from_bytes(octets: &[u8]) -> Option<Self> {
        Self::parse(octets).ok()
    }

    /// Revision, count, authority (big-endian), sub-authorities (little-endian); no octet more,
    /// none less (PAC-24).
    pub(super) fn parse(octets: &[u8]) -> Result<Self, Fault> {
        let Some(([revision, count, authority @ ..], rest)) = octets.split_first_chunk::<8>()
        else {
            return Err(Fault::new(octets.len(), "a SID has at least 8 octets"));
        };
        if *revision != 1 {
            return Err(Fault::new(0, "a SID has revision 1"));
        }
        if usize::from(*count) > MAX {
            return Err(Fault::new(1, "a SID has at most 15 sub-authorities"));
        }
        if rest.len() != usize::from(*count) * 4 {
            return Err(Fault::new(
                1,
                "the SID's length does not fit its sub-authorities",
            ));
        }
        let mut sid = Self {
            authority: *authority,
            count: *count,
            sub_authorities: [0; MAX],
        };
        let (words, _) = rest.as_chunks::<4>();
        for (to, from) in sid.sub_authorities.iter_mut().zip(words) {
            *to = u32::from_le_bytes(*from);
        }
        Ok(sid)
    }

    /// The octets.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + 4 * usize::from(self.count));
        out.extend([1, self.count]);
        out.extend(self.authority);
        out.extend(self.sub_authorities().iter().flat_map(|s| s.to_le_bytes()));
        out
    }

    /// The identifier authority.
    pub fn authority(&self) -> u64 {
        let [a, b, c, d, e, f] = self.authority;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The sub-authorities.
    pub fn sub_authorities(&self) -> &[u32] {
        self.sub_authorities
            .get(..usize::from(self.count))
            .unwrap_or_default()
    }

    /// The account or group `rid` of the domain `self`; `None` if there is no room for it.
    pub fn with_rid(&self, rid: u32) -> Option<Self> {
        let mut sid = *self;
        *sid.sub_authorities.get_mut(usize::from(self.count))? = rid;
        sid.count += 1;
        Some(sid)
    }

    /// The domain, and the relative identifier within it; `None` if there are no sub-authorities.
    pub fn domain_and_rid(&self) -> Option<(Self, u32)> {
        let (rid, domain) = self.sub_authorities().split_last()?;
        Some((Self::new(self.authority(), domain)?, *rid))
    }

    /// Whether `self` is an account or group of `domain`.
    pub fn is_in(&self, domain: &Self) -> bool {
        self.domain_and_rid().is_some_and(|(of, _)| of == *domain)
    }
}

impl PartialEq for Sid {
    fn eq(&self, other: &Self) -> bool {
        self.authority == other.authority && self.sub_authorities() == other.sub_authorities()
    }
}

impl Eq for Sid {}

impl std::hash::Hash for Sid {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.authority.hash(state);
        self.sub_authorities().hash(state);
    }
}

impl PartialOrd for Sid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sid {
    fn cmp(&self, other: &Self) -> Ordering {
        self.authority
            .cmp(&other.authority)
            .then_with(|| self.sub_authorities().cmp(other.sub_authorities()))
    }
}

impl fmt::Display for Sid {
    /// As MS-DTYP 2.4.2.1 writes it: an authority of more than 32 bits in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.authority() {
            short if short <= u64::from(u32::MAX) => write!(f, "S-1-{short}")?,
            long => write!(f, "S-1-0x{long:012X}")?,
        }
        self.sub_authorities()
            .iter()
            .try_for_each(|sub_authority| write!(f, "-{sub_authority}"))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not a SID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASid;

impl fmt::Display for NotASid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a security identifier (S-1-...)")
    }
}

impl std::error::Error for NotASid {}

impl FromStr for Sid {
    type Err = NotASid;

    fn from_str(text: &str) -> Result<Self, NotASid> {
        let parse = || {
            let mut parts = text.strip_prefix("S-1-")?.split('-');
            let authority = match parts.next()? {
                hex if hex.starts_with("0x") && hex.len() == 14 => {
                    let digits = hex.get(2..)?;
                    let plain = digits.bytes().all(|d| d.is_ascii_hexdigit());
                    plain.then(|| u64::from_str_radix(digits, 16).ok())?
                }
                decimal => number(decimal),
            }?;
            let mut sub_authorities = [0; MAX];
            let mut count = 0;
            for part in parts {
                *sub_authorities.get_mut(count)? = u32::try_from(number(part)?).ok()?;
                count += 1;
            }
            Self::new(authority, sub_authorities.get(..count)?)
        };
        parse().ok_or(NotASid)
    }
}

fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|d| d.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

//! The TOML file that describes a realm in full.
//!
//! ```toml
//! realm = "DEV.TEST"
//! port = 8888
//! enctypes = ["aes256-cts-hmac-sha1-96"]   # of the realm, the most wanted first
//! max_life = "10h"
//! max_renewable_life = "7d"
//! clock_skew = "5m"
//!
//! [[principal]]
//! name = "alice"
//! password = "secret"       # random keys without it
//! enctypes = ["aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96"]
//! kvno = 3
//! aliases = ["alice.smith"]
//! preauth = true            # pre-authentication is required
//! locked = false
//! expired = false           # or expires = "2027-01-01T00:00:00Z"
//! password_expired = false
//! must_change_password = false
//! max_life = "1h"
//! max_renewable_life = "1d"
//! forwardable = true
//! proxiable = true
//! postdatable = true
//! renewable = true
//! ok_as_delegate = false
//! only_user_to_user = false
//! only_initial = false
//! session_enctypes = ["aes256-cts-hmac-sha1-96"]
//! rid = 1104                # the last part of the SID
//! primary_group = 513
//! groups = [1107, 1112]
//! extra_sids = ["S-1-5-21-1-2-3-4"]
//! full_name = "Alice Smith"
//! keytab = false            # whether its keys are in the keytab
//! ```

use std::path::Path;
use std::time::Duration;

use orthros::crypto::Enctype;
use orthros::kdc::{Attributes, Identity};
use orthros::pac::Sid;
use orthros::secret::Secret;
use orthros::time::KerberosTime;
use orthros_kdc::{KeySpec, PrincipalSpec, RealmSpec};
use serde::Deserialize;

use super::Trouble;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) realm: Option<String>,
    pub(super) port: Option<u16>,
    enctypes: Option<Vec<String>>,
    max_life: Option<String>,
    max_renewable_life: Option<String>,
    clock_skew: Option<String>,
    #[serde(default, rename = "principal")]
    principals: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    password: Option<String>,
    enctypes: Option<Vec<String>>,
    kvno: Option<u32>,
    #[serde(default)]
    aliases: Vec<String>,
    preauth: Option<bool>,
    locked: Option<bool>,
    expired: Option<bool>,
    expires: Option<String>,
    password_expired: Option<bool>,
    must_change_password: Option<bool>,
    max_life: Option<String>,
    max_renewable_life: Option<String>,
    forwardable: Option<bool>,
    proxiable: Option<bool>,
    postdatable: Option<bool>,
    renewable: Option<bool>,
    ok_as_delegate: Option<bool>,
    only_user_to_user: Option<bool>,
    only_initial: Option<bool>,
    session_enctypes: Option<Vec<String>>,
    rid: Option<u32>,
    primary_group: Option<u32>,
    #[serde(default)]
    groups: Vec<u32>,
    #[serde(default)]
    extra_sids: Vec<String>,
    full_name: Option<String>,
    keytab: Option<bool>,
}

impl Spec {
    pub(super) fn read(path: &Path) -> Result<Self, Trouble> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Trouble::input(format!("{}: {error}", path.display())))?;
        toml::from_str(&text)
            .map_err(|error| Trouble::input(format!("{}: {error}", path.display())))
    }

    /// Puts what it says into `realm`.
    pub(super) fn apply(&self, realm: &mut RealmSpec) -> Result<(), Trouble> {
        let policy = &mut realm.policy;
        if let Some(list) = &self.enctypes {
            policy.enctypes = enctypes(list)?;
        }
        if let Some(text) = &self.max_life {
            policy.max_life = duration(text)?;
        }
        if let Some(text) = &self.max_renewable_life {
            policy.max_renewable_life = duration(text)?;
        }
        if let Some(text) = &self.clock_skew {
            policy.clock_skew = duration(text)?;
        }
        for entry in &self.principals {
            let of =
                |what: Trouble| Trouble::input(format!("principal {}: {}", entry.name, what.what));
            realm.principals.push(entry.spec().map_err(of)?);
        }
        Ok(())
    }

    /// Whether the keys of this principal belong into the keytab: those of services, unless the
    /// file says otherwise.
    pub(super) fn in_keytab(&self, name: &str, is_service: bool) -> bool {
        let entry = self.principals.iter().find(|entry| entry.name == name);
        entry.and_then(|entry| entry.keytab).unwrap_or(is_service)
    }
}

impl Entry {
    fn spec(&self) -> Result<PrincipalSpec, Trouble> {
        let mut spec = match &self.password {
            Some(password) => PrincipalSpec::user(&self.name, password),
            None => PrincipalSpec::service(&self.name),
        };
        if let Some(password) = &self.password {
            spec.key = KeySpec::Password(Secret::from(password.as_str()));
        }
        if let Some(list) = &self.enctypes {
            spec.enctypes = enctypes(list)?;
        }
        if let Some(list) = &self.session_enctypes {
            spec.session_enctypes = Some(enctypes(list)?);
        }
        spec.kvno = self.kvno.unwrap_or(spec.kvno);
        spec.aliases.clone_from(&self.aliases);
        spec.attributes = self.attributes(spec.attributes);
        spec.expires = match (&self.expires, self.expired) {
            (Some(text), _) => Some(time(text)?),
            (None, Some(true)) => Some(KerberosTime::EPOCH),
            (None, _) => None,
        };
        spec.password_expires = self
            .password_expired
            .unwrap_or_default()
            .then_some(KerberosTime::EPOCH);
        spec.must_change_password = self.must_change_password.unwrap_or_default();
        spec.max_life = self.max_life.as_deref().map(duration).transpose()?;
        let renewable = self.max_renewable_life.as_deref();
        spec.max_renewable_life = renewable.map(duration).transpose()?;
        spec.identity = self.identity()?;
        Ok(spec)
    }

    fn attributes(&self, default: Attributes) -> Attributes {
        Attributes {
            requires_preauth: self.preauth.unwrap_or(default.requires_preauth),
            locked: self.locked.unwrap_or(default.locked),
            forwardable: self.forwardable.unwrap_or(default.forwardable),
            proxiable: self.proxiable.unwrap_or(default.proxiable),
            postdatable: self.postdatable.unwrap_or(default.postdatable),
            renewable: self.renewable.unwrap_or(default.renewable),
            ok_as_delegate: self.ok_as_delegate.unwrap_or(default.ok_as_delegate),
            only_user_to_user: self.only_user_to_user.unwrap_or(default.only_user_to_user),
            only_initial: self.only_initial.unwrap_or(default.only_initial),
        }
    }

    fn identity(&self) -> Result<Option<Identity>, Trouble> {
        let Some(rid) = self.rid else {
            let said = !self.groups.is_empty() || !self.extra_sids.is_empty();
            return match said || self.primary_group.is_some() || self.full_name.is_some() {
                true => Err(Trouble::input("groups need a rid beside them")),
                false => Ok(None),
            };
        };
        let mut identity = Identity::new(rid);
        identity.primary_group = self.primary_group.unwrap_or(identity.primary_group);
        identity.groups.clone_from(&self.groups);
        identity.full_name = self.full_name.clone().unwrap_or_default();
        for text in &self.extra_sids {
            let sid: Sid = text
                .parse()
                .map_err(|_| Trouble::input(format!("{text} is not a SID")))?;
            identity.extra_sids.push(sid);
        }
        Ok(Some(identity))
    }
}

fn enctypes(names: &[String]) -> Result<Vec<Enctype>, Trouble> {
    let one = |name: &String| match Enctype::from_name(name) {
        Some(enctype) if enctype.is_supported() => Ok(enctype),
        Some(enctype) => Err(Trouble::input(format!("{enctype} is not in this build"))),
        None => Err(Trouble::input(format!(
            "{name} is not the name of an enctype"
        ))),
    };
    names.iter().map(one).collect()
}

/// `10h`, `1d12h`, `90m`, `300` (seconds).
fn duration(text: &str) -> Result<Duration, Trouble> {
    let wrong = || {
        Trouble::input(format!(
            "{text} is not a duration such as 1d12h, 90m or 300"
        ))
    };
    let mut seconds: u64 = 0;
    let mut number: Option<u64> = None;
    for c in text.trim().chars() {
        if let Some(digit) = c.to_digit(10) {
            let so_far = number.unwrap_or(0);
            let next = so_far
                .checked_mul(10)
                .and_then(|n| n.checked_add(digit.into()));
            number = Some(next.ok_or_else(wrong)?);
            continue;
        }
        let unit = match c {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return Err(wrong()),
        };
        let part = number.take().ok_or_else(wrong)?.checked_mul(unit);
        seconds = part
            .and_then(|part| seconds.checked_add(part))
            .ok_or_else(wrong)?;
    }
    match number {
        Some(number) if seconds == 0 => Ok(Duration::from_secs(number)),
        None if !text.trim().is_empty() => Ok(Duration::from_secs(seconds)),
        _ => Err(wrong()),
    }
}

/// `2027-01-01T00:00:00Z`
fn time(text: &str) -> Result<KerberosTime, Trouble> {
    let wrong = || Trouble::input(format!("{text} is not a time such as 2027-01-01T00:00:00Z"));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    if shape != "9999-99-99T99:99:99Z" {
        return Err(wrong());
    }
    // The same calendar that messages are read with.
    let mut der = vec![0x18, 15];
    der.extend_from_slice(digits.as_bytes());
    der.push(b'Z');
    orthros::wire::primitive::from_der("KerberosTime", &der).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        duration(text).ok().map(|duration| duration.as_secs())
    }

    #[test]
    fn durations() {
        assert_eq!(seconds("10h"), Some(36_000));
        assert_eq!(seconds("1d12h"), Some(129_600));
        assert_eq!(seconds("90m"), Some(5_400));
        assert_eq!(seconds("300"), Some(300));
        for wrong in ["", "h", "5x", "1h30", "-5m", "99999999999999999999d"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times() {
        let moment = |text: &str| time(text).ok().map(|time| time.to_string());
        let text = "2027-02-28T23:59:59Z";
        assert_eq!(moment(text).as_deref(), Some(text));
        for wrong in [
            "2027-02-30T00:00:00Z",
            "2027-02-28",
            "2027-02-28T23:59:59+01",
            "",
        ] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }

    /// The example in the documentation of this file is one.
    #[test]
    fn example() {
        let text: String = include_str!("spec.rs")
            .lines()
            .skip_while(|line| *line != "//! ```toml")
            .skip(1)
            .take_while(|line| *line != "//! ```")
            .map(|line| format!("{}\n", line.trim_start_matches("//!")))
            .collect();
        let spec: Spec = toml::from_str(&text).unwrap();
        let mut realm = RealmSpec::default();
        assert!(spec.apply(&mut realm).is_ok());
        assert_eq!(realm.policy.max_life, Duration::from_secs(36_000));
        let alice = &realm.principals[0];
        assert_eq!(alice.kvno, 3);
        assert_eq!(alice.identity.as_ref().unwrap().groups, [1107, 1112]);
        assert!(!spec.in_keytab("alice", true));
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Spec>("relam = 'X'").is_err());
        assert!(toml::from_str::<Spec>("[[principal]]\nname = 'a'\npasword = 'b'").is_err());
    }
}

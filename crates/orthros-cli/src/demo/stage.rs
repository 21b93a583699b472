//! The stage: sets a realm, a service and a client up, and breaks what is to be broken.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use orthros::ap::{Acceptor, AcceptorConfig, Accepts, HostAddr, ServiceKeys};
use orthros::client::{AsExchange, TgsExchange};
use orthros::credentials::Credentials;
use orthros::crypto::{DEFAULT_ENCTYPES, Enctype, Key, KeyUsage};
use orthros::error::Error;
use orthros::gss::{AcceptorBindings, ChannelBindings, token};
use orthros::kdc::Identity;
use orthros::keytab::{Keytab, KeytabEntry};
use orthros::pac;
use orthros::principal::Principal;
use orthros::random::OsRandom;
use orthros::secret::Secret;
use orthros::time::{KerberosTime, Timestamp};
use orthros::wire::{ApReq, EncTicketPart, EncryptedData, Message, OctetString, Ticket};
use orthros_kdc::{Clock, PrincipalSpec, RealmSpec, TestRealm};
use orthros_net::blocking::KdcClient;
use orthros_net::{KdcAddresses, KdcConfig};

use super::Trouble;
use super::breakage::Breakage;
use super::client::{self, Side};
use super::report::{Cast, Report};
use super::service::{Seen, Server, Service};

const REALM: &str = "DEMO.TEST";
const SERVICE: &str = "HTTP/demo.test";
const OTHER_SERVICE: &str = "host/demo.test";
const USER: &str = "alice";
const PASSWORD: &str = "correct horse battery staple";
const RID: u32 = 1104;
const GROUPS: [u32; 2] = [1107, 1112];

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// A realm, and who lives in it.
struct Stage {
    realm: TestRealm,
    service: Principal,
    user: Principal,
    keytab: Keytab,
    client_clock: Arc<Clock>,
    service_clock: Arc<Clock>,
    enctype: Enctype,
}

/// What was done and seen.
pub(super) struct Scene {
    pub(super) cast: Cast,
    pub(super) side: Side,
    pub(super) seen: Seen,
    /// The answer to a request that was sent once more.
    pub(super) again: Option<Vec<u8>>,
    pub(super) now: Timestamp,
}

/// Plays the exchange; `broken` is what to provoke.
pub(super) fn play(broken: Option<Breakage>, enctype: Enctype) -> Result<Report, Trouble> {
    let scene = Stage::set(enctype, broken)?.perform(broken)?;
    let report = Report::new(scene, broken);
    report.check(broken)?;
    Ok(report)
}

fn receive(service: &Service) -> Result<Seen, Trouble> {
    let patience = Duration::from_secs(20);
    let gone = |_| Trouble::Machine("the service's thread is gone".to_owned());
    service.seen.recv_timeout(patience).map_err(gone)
}

fn store(error: orthros::kdc::StoreError) -> Trouble {
    Trouble::Machine(error.to_string())
}

impl Stage {
    fn set(enctype: Enctype, broken: Option<Breakage>) -> Result<Self, Trouble> {
        let mut alice = PrincipalSpec::user(USER, PASSWORD);
        alice.enctypes = vec![Enctype::AES256_CTS_HMAC_SHA1_96];
        alice.identity = Some(Identity {
            groups: GROUPS.to_vec(),
            ..Identity::new(RID)
        });
        let service = |name: &str| {
            let mut spec = PrincipalSpec::service(name);
            spec.enctypes = vec![match broken {
                Some(Breakage::Etype) => Enctype::AES128_CTS_HMAC_SHA1_96,
                _ => enctype,
            }];
            spec.session_enctypes = Some(vec![enctype]);
            spec
        };
        let spec = RealmSpec {
            realm: REALM.to_owned(),
            principals: vec![alice, service(SERVICE), service(OTHER_SERVICE)],
            ..RealmSpec::default()
        };
        let realm = TestRealm::start_with(&spec)?;
        let name = |text: &str| Principal::parse(text, Some(REALM)).map_err(Error::from);
        let service = name(SERVICE)?;
        let mut keytab = realm.export(&service)?;
        match broken {
            Some(Breakage::Kvno) => {
                realm.kdc().rekey(&service).map_err(store)?;
            }
            Some(Breakage::WrongKey) => keytab = other_keys(&keytab)?,
            Some(Breakage::NoKey) => keytab = realm.export(&name(OTHER_SERVICE)?)?,
            _ => {}
        }
        Ok(Self {
            user: name(USER)?,
            realm,
            service,
            keytab,
            client_clock: Arc::new(Clock::new()),
            service_clock: Arc::new(Clock::new()),
            enctype,
        })
    }

    fn perform(&mut self, broken: Option<Breakage>) -> Result<Scene, Trouble> {
        // The hour by which the KDC is ahead; the client still trusts it while it gets its ticket.
        if broken == Some(Breakage::NotYetValid) {
            self.realm.advance_clock(HOUR);
            self.client_clock.advance(HOUR);
        }
        let mut credentials = self.ticket(broken)?;
        match broken {
            Some(Breakage::Skew) => self.service_clock.advance(10 * MINUTE),
            Some(Breakage::Expired) => {
                self.client_clock.advance(HOUR);
                self.service_clock.advance(HOUR);
                // A client that does not look at the end of its ticket.
                credentials.endtime = KerberosTime::LAST;
            }
            Some(Breakage::NotYetValid) => self.client_clock = Arc::new(Clock::new()),
            Some(Breakage::InvalidFlag) => {
                self.client_clock.advance(11 * MINUTE);
                self.service_clock.advance(11 * MINUTE);
            }
            Some(Breakage::StaleTicket) => {
                self.realm.kdc().rekey(&self.service).map_err(store)?;
                let newest = self.realm.export(&self.service)?;
                self.keytab = newest_only(&newest)?;
            }
            Some(Breakage::ClientMismatch) => {
                credentials.client =
                    Principal::parse("administrator", Some(REALM)).map_err(Error::from)?;
            }
            Some(Breakage::Pac) => promote(&mut credentials, &self.keytab)?,
            _ => {}
        }

        let bound = |channel: &str| ChannelBindings::from_application_data(channel.as_bytes());
        let (ours, theirs) = match broken {
            Some(Breakage::Binding) => (
                Some(bound("tls-server-end-point:the certificate of a relay")),
                AcceptorBindings::Require(
                    bound("tls-server-end-point:the service's certificate").into(),
                ),
            ),
            _ => (None, AcceptorBindings::None),
        };
        let server = match broken {
            Some(Breakage::Mutual) => Server::Forged,
            _ => Server::Genuine(Box::new(self.acceptor(broken)?), theirs),
        };
        let connections = if broken == Some(Breakage::Replay) {
            2
        } else {
            1
        };
        let service = Service::start(server, Arc::clone(&self.service_clock), connections)?;

        let cast = Cast {
            realm: REALM.to_owned(),
            kdc: self.realm.kdc_addr(),
            service: self.service.clone(),
            service_address: service.address,
            client: self.user.clone(),
            credentials: credentials.clone(),
        };
        let clock = Arc::clone(&self.client_clock);
        let way = |token: Vec<u8>| tampered(token, broken);
        let side = client::talk(service.address, credentials, &clock, ours, way)?;
        let mut seen = receive(&service)?;
        let mut again = None;
        if broken == Some(Breakage::Replay) {
            let answer = client::send_again(service.address, &side.sent)?;
            again = Some(answer);
            seen = receive(&service)?;
        }
        service.join();
        Ok(Scene {
            cast,
            side,
            seen,
            again: again.flatten(),
            now: clock.now(),
        })
    }

    /// From alice's password to a ticket, over the KDC's socket.
    fn ticket(&self, broken: Option<Breakage>) -> Result<Credentials, Trouble> {
        let clock = Arc::clone(&self.client_clock);
        let addresses = KdcAddresses::new().with(REALM, [self.realm.kdc_addr()]);
        let kdc = KdcClient::new(KdcConfig::new(addresses).clock(move || clock.now()));
        let initial = || AsExchange::with_password(self.user.clone(), Secret::from(PASSWORD));
        // The session key is of the first that the service can use.
        let mut enctypes = vec![self.enctype];
        enctypes.extend(DEFAULT_ENCTYPES);
        let for_service = || {
            let enctypes = enctypes.clone();
            initial().service(self.service.clone()).enctypes(enctypes)
        };
        let start = kdc.now();
        // Tickets of these kinds come straight from the AS exchange.
        let direct = match broken {
            Some(Breakage::Address) => {
                let elsewhere: IpAddr = [192, 0, 2, 1].into();
                let elsewhere = HostAddr::from(elsewhere);
                let addresses = vec![(elsewhere.addr_type, elsewhere.address)];
                Some(for_service().addresses(addresses))
            }
            Some(Breakage::InvalidFlag) => {
                let later = start.plus(10 * MINUTE).time();
                Some(for_service().postdated(later))
            }
            _ => None,
        };
        if let Some(exchange) = direct {
            let done = kdc.run(exchange.start(start)?)?;
            return Ok(done.credentials);
        }
        let tgt = kdc.run(initial().start(start)?)?.credentials;
        let target = match broken {
            Some(Breakage::Spn) => {
                Principal::parse(OTHER_SERVICE, Some(REALM)).map_err(Error::from)?
            }
            _ => self.service.clone(),
        };
        let mut exchange = TgsExchange::new(&tgt, target).enctypes(enctypes);
        if broken == Some(Breakage::Expired) {
            exchange = exchange.lifetime(10 * MINUTE);
        }
        let done = kdc.run(exchange.start(kdc.now())?)?;
        Ok(done.credentials)
    }

    fn acceptor(&self, broken: Option<Breakage>) -> Result<Acceptor, Trouble> {
        let keys = Arc::new(ServiceKeys::from(&self.keytab));
        let accepts = Accepts::Service(self.service.clone());
        let mut config = AcceptorConfig::new(keys, accepts);
        if broken == Some(Breakage::Etype) {
            let strong: Vec<Enctype> = DEFAULT_ENCTYPES
                .iter()
                .copied()
                .filter(|enctype| *enctype != Enctype::AES128_CTS_HMAC_SHA1_96)
                .collect();
            config = config.permitted_enctypes(strong);
        }
        Ok(Acceptor::new(config))
    }
}

/// The keytab of somebody who typed the wrong password into ktutil: names, versions and enctypes
/// are right.
fn other_keys(keytab: &Keytab) -> Result<Keytab, Trouble> {
    rewritten(keytab, |entry| {
        let key = Key::random(entry.enctype(), &OsRandom).map_err(Error::from)?;
        Ok(Some(key))
    })
}

/// What is left when the old versions were deleted from the keytab.
fn newest_only(keytab: &Keytab) -> Result<Keytab, Trouble> {
    let newest = keytab.entries().map(|(_, entry)| entry.kvno()).max();
    rewritten(keytab, |entry| {
        let keep = Some(entry.kvno()) == newest;
        Ok(entry.key().filter(|_| keep).cloned())
    })
}

fn rewritten(
    keytab: &Keytab,
    key: impl Fn(&KeytabEntry) -> Result<Option<Key>, Error>,
) -> Result<Keytab, Trouble> {
    let mut other = Keytab::new();
    for (_, entry) in keytab.entries() {
        if let Some(key) = key(entry)? {
            let (principal, kvno) = (entry.principal().clone(), entry.kvno());
            other.add(KeytabEntry::new(principal, kvno, key, entry.timestamp()))?;
        }
    }
    Ok(other)
}

/// What somebody on the way does to the client's token.
fn tampered(token: Vec<u8>, broken: Option<Breakage>) -> Vec<u8> {
    let place = |of: fn(&ApReq<'_>) -> Option<Vec<u8>>| {
        let (_, message) = token::unframe(&token).ok()?;
        let request = ApReq::from_bytes(message).ok()?;
        let cipher = of(&request)?;
        let start = token.windows(cipher.len()).position(|w| w == cipher)?;
        Some(start + cipher.len() / 2)
    };
    let place = match broken {
        Some(Breakage::TamperTicket) => place(|request| {
            let ticket = Ticket::from_bytes(request.ticket.as_bytes()).ok()?;
            Some(ticket.enc_part.cipher.as_bytes().to_vec())
        }),
        Some(Breakage::TamperAuthenticator) => {
            place(|request| Some(request.authenticator.cipher.as_bytes().to_vec()))
        }
        // The message with which NTLM begins: signature, type 1, flags, no domain, no host.
        Some(Breakage::Ntlm) => {
            let mut negotiate = b"NTLMSSP\0".to_vec();
            negotiate.extend_from_slice(&1u32.to_le_bytes());
            negotiate.extend_from_slice(&0x6208_8207u32.to_le_bytes());
            negotiate.extend_from_slice(&[0; 16]);
            return negotiate;
        }
        _ => None,
    };
    let mut token = token;
    if let Some(octet) = place.and_then(|at| token.get_mut(at)) {
        *octet ^= 1;
    }
    token
}

/// Makes the user an administrator in the PAC of the ticket, as somebody could who has stolen the
/// service's key and knows nothing of PAC signatures.
fn promote(credentials: &mut Credentials, keytab: &Keytab) -> Result<(), Trouble> {
    let missing = || Trouble::Machine("the ticket holds no PAC to alter".to_owned());
    let ticket = credentials.ticket.clone();
    let ticket = Ticket::from_bytes(&ticket).map_err(Error::from)?;
    let (_, entry) = keytab.entries().next().ok_or_else(missing)?;
    let key = entry.key().ok_or_else(missing)?;
    let sealed = ticket.enc_part;
    let opened = key.decrypt(KeyUsage::TICKET, sealed.cipher.as_bytes());
    let mut octets = opened.map_err(Error::from)?;
    let at = {
        let part = EncTicketPart::from_bytes(&octets).map_err(Error::from)?;
        let data = part.authorization_data.unwrap_or_default();
        let pac = pac::locate(&data)
            .map_err(Error::from)?
            .ok_or_else(missing)?;
        let start = octets.windows(pac.len()).position(|w| w == pac);
        let rid = pac.windows(4).position(|w| w == RID.to_le_bytes());
        start
            .zip(rid)
            .map(|(start, rid)| start + rid)
            .ok_or_else(missing)?
    };
    let administrator = 500u32.to_le_bytes();
    let place = octets.get_mut(at..at + 4).ok_or_else(missing)?;
    place.copy_from_slice(&administrator);
    let cipher = key
        .encrypt(KeyUsage::TICKET, &octets, &OsRandom)
        .map_err(Error::from)?;
    let altered = Ticket {
        enc_part: EncryptedData {
            cipher: OctetString(&cipher),
            ..sealed
        },
        ..ticket
    };
    credentials.ticket = altered.to_bytes().map_err(Error::from)?;
    Ok(())
}

impl Report {
    /// A failure that was not provoked, or none where one was, is an error of the demonstration.
    fn check(&self, broken: Option<Breakage>) -> Result<(), Trouble> {
        if self.failed() == broken.is_some() {
            return Ok(());
        }
        Err(Trouble::Machine(match broken {
            Some(what) => format!("--break {} broke nothing", what.name()),
            None => self.to_text("orthros"),
        }))
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use orthros::gss::ContextInfo;
    use orthros::wire::Authenticator;
    use orthros_tests::secrecy::Shown;

    use super::*;
    use crate::demo::client::Outcome;

    /// Every key of a run that there is.
    fn secrets(shown: &mut Shown, stage: &Stage, scene: &Scene) {
        shown.secrets.push(PASSWORD.as_bytes().to_vec());
        for name in stage.realm.kdc().principals() {
            for (_, _, key) in stage.realm.kdc().keys_of(&name).unwrap() {
                shown.key(&key);
            }
        }
        for (_, entry) in stage.keytab.entries() {
            shown.key(entry.key().unwrap());
        }
        let session = &scene.cast.credentials.session_key;
        shown.key(session);
        // The subkey of a request that was refused is in that request alone.
        let request = token::unframe(&scene.side.sent).ok();
        let request = request.and_then(|(_, message)| ApReq::from_bytes(message).ok());
        if let Some(request) = request {
            let cipher = request.authenticator.cipher.as_bytes();
            if let Ok(octets) = session.decrypt(KeyUsage::AP_REQ_AUTHENTICATOR, cipher) {
                let authenticator = Authenticator::from_bytes(&octets).unwrap();
                let subkey = authenticator.subkey.unwrap();
                shown.secrets.push(subkey.keyvalue.as_bytes().to_vec());
            }
        }
        let mut of_context = |info: &ContextInfo| {
            shown.key(info.keys.acceptor_subkey.as_ref().unwrap());
        };
        if let Outcome::Talked(talk) = &scene.side.outcome {
            of_context(&talk.info);
        }
        if let Seen::Accepted(conversation) = &scene.seen {
            of_context(conversation.context.info());
        }
    }

    /// What is printed for people and for programs, of the exchange and of every way to break it.
    #[test]
    fn case_118_no_demonstration_prints_a_key_or_password() {
        let ways = Breakage::value_variants().iter().copied().map(Some);
        let mut scanned = 0;
        for broken in ways.chain([None]) {
            let mut shown = Shown::default();
            let enctype = Enctype::AES256_CTS_HMAC_SHA1_96;
            let mut stage = Stage::set(enctype, broken).unwrap();
            let scene = stage.perform(broken).unwrap();
            secrets(&mut shown, &stage, &scene);
            let report = Report::new(scene, broken);
            report.check(broken).unwrap();
            shown.text("the JSON", report.to_json().to_string());
            shown.text("the text", report.to_text("orthros"));
            let leaks = shown.leaks();
            assert!(leaks.is_empty(), "{broken:?}: {leaks:#?}");
            assert!(shown.secrets.len() > 8, "{}", shown.secrets.len());
            scanned += 1;
        }
        assert!(scanned > 15);
    }
}

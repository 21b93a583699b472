//! A realm on paper: keys, tickets, and the files by which every library finds them.
//!
//! Nothing serves it. The tickets are minted here, with a PAC that every acceptor verifies, and
//! the credential caches, the keytab and krb5.conf lie in a temporary directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use orthros::crypto::{Enctype, Key, KeyUsage};
use orthros::principal::Principal;
use orthros::random::OsRandom;
use orthros::time::{KerberosTime, Timestamp};
use orthros::wire::primitive::to_der;
use orthros::wire::{
    AdType, AuthorizationDataElement, EncTicketPart, EncryptedData, EncryptionKey, Message,
    OctetString, Ticket, TicketFlags, TrType, TransitedEncoding, UInt32,
};

/// The enctypes that are compared.
pub const ENCTYPES: [Enctype; 4] = [
    Enctype::AES128_CTS_HMAC_SHA1_96,
    Enctype::AES256_CTS_HMAC_SHA1_96,
    Enctype::AES128_CTS_HMAC_SHA256_128,
    Enctype::AES256_CTS_HMAC_SHA384_192,
];

/// The realm's name.
pub const REALM: &str = "BENCH.TEST";
/// The client of every ticket.
pub const CLIENT: &str = "alice@BENCH.TEST";
/// The server of every ticket.
pub const SERVICE: &str = "HTTP/web.bench.test@BENCH.TEST";
const KVNO: u32 = 3;

/// What a ticket's PAC holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacKind {
    /// What MIT's KDC puts there: the client's name and authtime, and the signatures.
    Minimal,
}

impl PacKind {
    /// Every kind.
    pub const ALL: [PacKind; 1] = [PacKind::Minimal];

    /// Its part of a row's name.
    pub fn name(self) -> &'static str {
        match self {
            PacKind::Minimal => "pac-minimal",
        }
    }
}

/// A ticket of one enctype and one kind of PAC, and the credential cache that holds it.
pub struct Case {
    pub enctype: Enctype,
    pub pac: PacKind,
    pub ccache: PathBuf,
    pub ccache_octets: Vec<u8>,
}

/// The realm. Its files go when it is dropped.
pub struct Realm {
    dir: tempfile::TempDir,
    pub service: Principal,
    pub keytab: PathBuf,
    pub keytab_octets: Vec<u8>,
    pub cases: Vec<Case>,
}

impl Realm {
    /// Makes keys, tickets and files.
    pub fn new() -> Realm {
        let dir = tempfile::Builder::new()
            .prefix("orthros-bench")
            .tempdir()
            .expect("a temporary directory can be made");
        let client = Principal::parse(CLIENT, None).expect("a principal");
        let service = Principal::parse(SERVICE, None).expect("a principal");
        let krbtgt_key = random_key(Enctype::AES256_CTS_HMAC_SHA1_96);
        let keys: Vec<Key> = ENCTYPES.into_iter().map(random_key).collect();

        let keytab_octets = keytab(&service, &keys);
        let mut cases = Vec::new();
        for key in &keys {
            for pac in PacKind::ALL {
                let ticket = MintedTicket::new(&client, &service, key, &krbtgt_key, pac);
                let ccache_octets = ticket.ccache(&client, &service);
                let name = format!("ccache-{}-{}", key.enctype().0, pac.name());
                let ccache = dir.path().join(name);
                write(&ccache, &ccache_octets);
                cases.push(Case {
                    enctype: key.enctype(),
                    pac,
                    ccache,
                    ccache_octets,
                });
            }
        }
        let keytab = dir.path().join("keytab");
        write(&keytab, &keytab_octets);
        write(&dir.path().join("krb5.conf"), CONF.as_bytes());
        Realm {
            dir,
            service,
            keytab,
            keytab_octets,
            cases,
        }
    }

    /// The case of this enctype and this kind of PAC.
    pub fn case(&self, enctype: Enctype, pac: PacKind) -> &Case {
        self.cases
            .iter()
            .find(|case| case.enctype == enctype && case.pac == pac)
            .expect("every pair has a case")
    }

    /// Where the files are.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The krb5.conf.
    pub fn conf(&self) -> PathBuf {
        self.dir.path().join("krb5.conf")
    }
}

const CONF: &str = "[libdefaults]
    default_realm = BENCH.TEST
    dns_canonicalize_hostname = false
    dns_lookup_kdc = false
    rdns = false
[realms]
    BENCH.TEST = {
        kdc = 127.0.0.1:1
    }
";

fn write(path: &Path, octets: &[u8]) {
    fs::write(path, octets).expect("the temporary directory can be written");
}

fn random_key(enctype: Enctype) -> Key {
    Key::random(enctype, &OsRandom).expect("a supported enctype and a random number generator")
}

/// The system's clock.
pub fn now() -> Timestamp {
    SystemTime::now().into()
}

struct MintedTicket {
    session_key: Key,
    flags: TicketFlags,
    authtime: KerberosTime,
    endtime: KerberosTime,
    der: Vec<u8>,
}

impl MintedTicket {
    fn new(
        client: &Principal,
        service: &Principal,
        key: &Key,
        krbtgt_key: &Key,
        pac: PacKind,
    ) -> Self {
        // A minute ago, so that the ticket is valid to whoever rounds.
        let authtime = KerberosTime::from_secs(now().time().as_secs() - 60);
        let endtime = KerberosTime::from_secs(authtime.as_secs() + 36_000);
        let flags = TicketFlags::FORWARDABLE
            | TicketFlags::PRE_AUTHENT
            | TicketFlags::TRANSITED_POLICY_CHECKED;
        let session_key = random_key(key.enctype());
        let part = |ad_data: &[u8]| {
            let container = to_der(
                "AuthorizationData",
                &vec![AuthorizationDataElement {
                    ad_type: AdType::WIN2K_PAC,
                    ad_data: OctetString(ad_data),
                }],
            )
            .expect("short enough");
            EncTicketPart {
                flags,
                key: EncryptionKey {
                    keytype: session_key.enctype().0,
                    keyvalue: OctetString(session_key.expose()),
                },
                crealm: client.realm_to_wire(),
                cname: client.to_wire(),
                transited: TransitedEncoding {
                    tr_type: TrType::DOMAIN_X500_COMPRESS,
                    contents: OctetString(&[]),
                },
                authtime,
                starttime: Some(authtime),
                endtime,
                renew_till: None,
                caddr: None,
                authorization_data: Some(vec![AuthorizationDataElement {
                    ad_type: AdType::IF_RELEVANT,
                    ad_data: OctetString(&container),
                }]),
            }
            .to_bytes()
            .expect("short enough")
        };
        let pac = pac_octets(client, authtime, pac, key, krbtgt_key, &part(&[0]));
        let cipher = key
            .encrypt(KeyUsage::TICKET, &part(&pac), &OsRandom)
            .expect("a random number generator");
        let der = Ticket {
            tkt_vno: 5,
            realm: service.realm_to_wire(),
            sname: service.to_wire(),
            enc_part: EncryptedData {
                etype: key.enctype().0,
                kvno: Some(UInt32(KVNO)),
                cipher: OctetString(&cipher),
            },
        }
        .to_bytes()
        .expect("short enough");
        Self {
            session_key,
            flags,
            authtime,
            endtime,
            der,
        }
    }

    /// A credential cache of version 4 that holds this ticket.
    fn ccache(&self, client: &Principal, service: &Principal) -> Vec<u8> {
        let mut out = vec![5, 4, 0, 0];
        ccache_principal(&mut out, client);
        ccache_principal(&mut out, client);
        ccache_principal(&mut out, service);
        out.extend((self.session_key.enctype().0 as u16).to_be_bytes());
        data(&mut out, self.session_key.expose());
        for time in [self.authtime, self.authtime, self.endtime] {
            out.extend((time.as_secs() as u32).to_be_bytes());
        }
        out.extend(0u32.to_be_bytes());
        out.push(0);
        out.extend(self.flags.0.to_be_bytes());
        out.extend(0u32.to_be_bytes());
        out.extend(0u32.to_be_bytes());
        data(&mut out, &self.der);
        data(&mut out, &[]);
        out
    }
}

fn data(out: &mut Vec<u8>, octets: &[u8]) {
    out.extend((octets.len() as u32).to_be_bytes());
    out.extend(octets);
}

fn ccache_principal(out: &mut Vec<u8>, principal: &Principal) {
    out.extend(principal.name_type().0.to_be_bytes());
    out.extend((principal.components().len() as u32).to_be_bytes());
    data(out, principal.realm().as_bytes());
    for component in principal.components() {
        data(out, component.as_bytes());
    }
}

/// A keytab of version 2 with an entry for each key.
fn keytab(service: &Principal, keys: &[Key]) -> Vec<u8> {
    let mut out = vec![5, 2];
    for key in keys {
        let mut entry = Vec::new();
        let mut text = |octets: &[u8]| {
            entry.extend((octets.len() as u16).to_be_bytes());
            entry.extend(octets);
        };
        text(service.realm().as_bytes());
        for component in service.components() {
            text(component.as_bytes());
        }
        entry.extend(service.name_type().0.to_be_bytes());
        entry.extend((now().time().as_secs() as u32).to_be_bytes());
        entry.push(KVNO as u8);
        entry.extend((key.enctype().0 as u16).to_be_bytes());
        entry.extend((key.expose().len() as u16).to_be_bytes());
        entry.extend(key.expose());
        entry.extend(KVNO.to_be_bytes());
        out.extend((entry.len() as u32).to_be_bytes());
        let components = service.components().len() as u16;
        let len = out.len();
        out.extend(components.to_be_bytes());
        out.extend(entry);
        // The size counts the number of components too.
        let size = (out.len() - len) as u32;
        out[len - 4..len].copy_from_slice(&size.to_be_bytes());
    }
    out
}

fn pac_octets(
    client: &Principal,
    authtime: KerberosTime,
    _kind: PacKind,
    key: &Key,
    krbtgt_key: &Key,
    ticket_without_pac: &[u8],
) -> Vec<u8> {
    // PAC_CLIENT_INFO: a FILETIME, the length of the name, the name in UTF-16.
    let name: Vec<u8> = client
        .name()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let filetime = (authtime.as_secs() + 11_644_473_600) * 10_000_000;
    let mut client_info = filetime.to_le_bytes().to_vec();
    client_info.extend((name.len() as u16).to_le_bytes());
    client_info.extend(name);

    let server = key.mac(KeyUsage::NON_KERB_CKSUM).expect("a usage");
    let kdc = krbtgt_key.mac(KeyUsage::NON_KERB_CKSUM).expect("a usage");
    let signature = |mac: &orthros::crypto::Mac, octets: Option<&[u8]>| {
        let mut out = mac.checksum_type().0.to_le_bytes().to_vec();
        match octets {
            Some(octets) => out.extend(mac.checksum(&[octets]).as_ref()),
            None => out.resize(4 + mac.len(), 0),
        }
        out
    };
    let buffers = [
        (10u32, client_info),
        (6, signature(&server, None)),
        (7, signature(&kdc, None)),
        (16, signature(&kdc, Some(ticket_without_pac))),
    ];
    let mut out = (buffers.len() as u32).to_le_bytes().to_vec();
    out.extend(0u32.to_le_bytes());
    let mut offset = 8 + 16 * buffers.len();
    let mut places = Vec::new();
    for (kind, buffer) in &buffers {
        out.extend(kind.to_le_bytes());
        out.extend((buffer.len() as u32).to_le_bytes());
        out.extend((offset as u64).to_le_bytes());
        places.push(offset..offset + buffer.len());
        offset = (offset + buffer.len()).next_multiple_of(8);
    }
    for ((_, buffer), place) in buffers.iter().zip(&places) {
        out.resize(place.start, 0);
        out.extend(buffer);
    }
    out.resize(offset, 0);
    let server_signature = signature(&server, Some(&out));
    let kdc_signature = signature(&kdc, Some(&server_signature[4..]));
    out[places[1].clone()].copy_from_slice(&server_signature);
    out[places[2].clone()].copy_from_slice(&kdc_signature);
    out
}

//! A realm on paper: keys, tickets, and the files by which every library finds them.
//!
//! Nothing serves it. The tickets are minted here, with a PAC that every acceptor verifies, and
//! the credential caches, the keytab and krb5.conf lie in a temporary directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use orthros::ccache::CredentialCache;
use orthros::credentials::Credentials;
use orthros::crypto::{Enctype, Key, KeyUsage};
use orthros::keytab::{Keytab, KeytabEntry};
use orthros::pac::{
    GroupMembership, LogonInfo, PacBuilder, SamNameAndSid, Sid, SidAndAttributes, UpnDnsInfo,
    UserFlags,
};
use orthros::principal::Principal;
use orthros::random::OsRandom;
use orthros::time::{KerberosTime, Timestamp};
use orthros::wire::{
    EncTicketPart, EncryptedData, EncryptionKey, Message, OctetString, Ticket, TicketFlags, TrType,
    TransitedEncoding, UInt32,
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
    /// What MIT's KDC puts there without a directory of accounts: the client's name and authtime,
    /// and the signatures.
    Minimal,
    /// What a domain controller puts there for a member of twenty groups.
    TwentyGroups,
}

impl PacKind {
    /// Every kind.
    pub const ALL: [PacKind; 2] = [PacKind::Minimal, PacKind::TwentyGroups];

    /// Its part of a row's name.
    pub fn name(self) -> &'static str {
        match self {
            PacKind::Minimal => "pac-minimal",
            PacKind::TwentyGroups => "pac-20-groups",
        }
    }

    fn builder(self, client: &Principal, authtime: KerberosTime) -> PacBuilder {
        let builder = PacBuilder::new(client, authtime).expect("a short name");
        if self == PacKind::Minimal {
            return builder;
        }
        let domain: Sid = "S-1-5-21-3623811015-3361044348-30300820"
            .parse()
            .expect("a SID");
        let user = client.component(0).unwrap_or_default();
        let mut logon = LogonInfo::new(user, "BENCH", domain, 1103, 513);
        logon.full_name = "Alice Example".into();
        logon.logon_server = "DC1".into();
        logon.group_ids.extend((0..19).map(|n| GroupMembership {
            relative_id: 1200 + n,
            attributes: 7,
        }));
        logon.user_flags = UserFlags::EXTRA_SIDS;
        logon.extra_sids = vec![SidAndAttributes {
            sid: Sid::AUTHENTICATION_AUTHORITY_ASSERTED_IDENTITY,
            attributes: 7,
        }];
        let upn = UpnDnsInfo {
            upn: format!("{user}@bench.test"),
            dns_domain_name: client.realm().to_owned(),
            flags: 0,
            sam_name_and_sid: Some(SamNameAndSid {
                sam_name: user.to_owned(),
                sid: domain.with_rid(1103).expect("room for a RID"),
            }),
        };
        let builder = builder.logon_info(&logon).expect("short names");
        builder.upn_dns_info(&upn).expect("short names")
    }
}

/// A ticket of one enctype and one kind of PAC, and the credential cache that holds it.
pub struct Case {
    pub enctype: Enctype,
    pub pac: PacKind,
    pub ccache: PathBuf,
}

/// The realm. Its files go when it is dropped.
pub struct Realm {
    dir: tempfile::TempDir,
    pub service: Principal,
    pub keytab: PathBuf,
    client: Principal,
    keys: Vec<Key>,
    krbtgt_key: Key,
    cases: Vec<Case>,
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

        let mut keytab = Keytab::new();
        let mut cases = Vec::new();
        let keys = ENCTYPES.map(random_key).to_vec();
        for key in &keys {
            let enctype = key.enctype();
            for pac in PacKind::ALL {
                let credentials = mint(&client, &service, key, &krbtgt_key, pac);
                let octets = CredentialCache::with_credentials(&credentials).to_bytes();
                let ccache = dir
                    .path()
                    .join(format!("ccache-{}-{}", enctype.0, pac.name()));
                write(&ccache, octets.expect("short enough").expose());
                cases.push(Case {
                    enctype,
                    pac,
                    ccache,
                });
            }
            let written = now().time().as_secs() as u32;
            keytab
                .add(KeytabEntry::new(
                    service.clone(),
                    KVNO,
                    key.clone(),
                    written,
                ))
                .expect("short enough");
        }
        let path = dir.path().join("keytab");
        write(&path, keytab.to_bytes().expose());
        write(&dir.path().join("krb5.conf"), CONF.as_bytes());
        Realm {
            dir,
            service,
            keytab: path,
            client,
            keys,
            krbtgt_key,
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

    /// A new ticket, like that of this case.
    pub fn another_ticket(&self, case: &Case) -> Credentials {
        let mut keys = self.keys.iter();
        let key = keys.find(|key| key.enctype() == case.enctype);
        let key = key.expect("every enctype has a key");
        mint(&self.client, &self.service, key, &self.krbtgt_key, case.pac)
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

/// Makes a ticket, sealed with the service's key.
fn mint(
    client: &Principal,
    service: &Principal,
    key: &Key,
    krbtgt_key: &Key,
    pac: PacKind,
) -> Credentials {
    // A minute ago, so that the ticket is valid to whoever rounds.
    let authtime = KerberosTime::from_secs(now().time().as_secs() - 60);
    let endtime = authtime.plus(Duration::from_secs(36_000));
    let flags =
        TicketFlags::FORWARDABLE | TicketFlags::PRE_AUTHENT | TicketFlags::TRANSITED_POLICY_CHECKED;
    let session_key = random_key(key.enctype());
    let part = EncTicketPart {
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
        authorization_data: None,
    };
    let mac = |key: &Key| key.mac(KeyUsage::NON_KERB_CKSUM).expect("a usage");
    let sealed = pac
        .builder(client, authtime)
        .seal(&part, service, &mac(key), &mac(krbtgt_key))
        .expect("a short PAC");
    let cipher = key
        .encrypt(KeyUsage::TICKET, sealed.expose(), &OsRandom)
        .expect("a random number generator");
    let ticket = Ticket {
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
    Credentials {
        client: client.clone(),
        server: service.clone(),
        ticket,
        session_key,
        flags,
        authtime,
        starttime: Some(authtime),
        endtime,
        renew_till: None,
        addresses: Vec::new(),
        clock_offset: 0,
        second_ticket: None,
    }
}

//! Our PACs read by MIT krb5 and by Samba, and theirs by us.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use orthros::crypto::{Enctype, Key, KeyUsage, Mac};
use orthros::pac::{
    Attributes, BufferType, Checked, DelegationInfo, DomainGroupMembership, FileTime,
    GroupMembership, LogonInfo, Pac, PacBuilder, PacError, SamNameAndSid, Sid, SidAndAttributes,
    UpnDnsInfo, UserFlags, locate,
};
use orthros::principal::Principal;
use orthros::random::OsRandom;
use orthros::time::KerberosTime;
use orthros::wire::{
    EncTicketPart, EncryptedData, EncryptionKey, Message, OctetString, Ticket, TicketFlags, TrType,
    TransitedEncoding, UInt32,
};
use orthros_tests::mit::program;
use serde_json::{Value, json};

const AUTHTIME: KerberosTime = KerberosTime::from_secs(1_795_336_231);
const CLIENT: &str = "alice/admin@EXAMPLE.TEST";
const SERVICE: &str = "HTTP/web.example.test@EXAMPLE.TEST";

const ENCTYPES: [Enctype; 4] = [
    Enctype::AES128_CTS_HMAC_SHA1_96,
    Enctype::AES256_CTS_HMAC_SHA1_96,
    Enctype::AES128_CTS_HMAC_SHA256_128,
    Enctype::AES256_CTS_HMAC_SHA384_192,
];

/// What a program wrote, if it ended well; else what it complained about.
fn run(mut command: Command, input: &[u8]) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    if let Some(mut pipe) = child.stdin.take() {
        // A program that refuses early does not read everything.
        let _ = pipe.write_all(input);
    }
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("it writes text");
    if output.status.success() {
        Ok(text)
    } else {
        Err(text + &String::from_utf8_lossy(&output.stderr))
    }
}

/// MIT's library, by a small program that is compiled for the test.
struct Mit {
    _folder: tempfile::TempDir,
    program: PathBuf,
}

impl Mit {
    fn compile() -> Option<Self> {
        let Some(cc) = program("cc") else {
            println!("not run: PACs and MIT krb5: there is no C compiler");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("mit_pac");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/mit_pac.c");
        let mut command = Command::new(cc);
        command.arg("-o").arg(&program).arg(source);
        command.args(["-Wall", "-lkrb5"]);
        if let Err(why) = run(command, b"") {
            println!("not run: PACs and MIT krb5: libkrb5 cannot be compiled against: {why}");
            return None;
        }
        Some(Self {
            _folder: folder,
            program,
        })
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("KRB5_CONFIG", "/dev/null")
            .env("LC_ALL", "C");
        run(command, input)
    }
}

/// Samba's library, in the first Python that has it.
fn samba() -> Option<impl Fn(&str, &[u8]) -> String> {
    let candidates = program("python3")
        .into_iter()
        .chain(["/usr/bin/python3", "/usr/local/bin/python3"].map(PathBuf::from));
    let found = candidates.filter(|python| python.is_file()).find(|python| {
        let mut command = Command::new(python);
        command.args(["-c", "import samba.dcerpc.krb5pac"]);
        run(command, b"").is_ok()
    });
    let Some(python) = found else {
        println!("not run: PACs and Samba: python3-samba is not installed");
        return None;
    };
    Some(move |what: &str, input: &[u8]| {
        let mut command = Command::new(&python);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/samba_pac.py"));
        command.arg(what);
        run(command, input).expect("Samba reads it")
    })
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim().as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn key(enctype: Enctype) -> Key {
    Key::random(enctype, &OsRandom).expect("a key")
}

fn mac(key: &Key) -> Mac {
    key.mac(KeyUsage::NON_KERB_CKSUM).expect("a checksum")
}

fn key_text(key: &Key) -> String {
    format!("{}:{}", key.enctype().0, hex(key.expose()))
}

fn principal(text: &str) -> Principal {
    Principal::parse(text, None).expect("a principal")
}

fn domain() -> Sid {
    "S-1-5-21-3623811015-3361044348-30300820".parse().unwrap()
}

fn logon_info() -> LogonInfo {
    let group = |relative_id| GroupMembership {
        relative_id,
        attributes: 7,
    };
    let mut info = LogonInfo::new("alice", "EXAMPLE", domain(), 1103, 513);
    info.logon_time = AUTHTIME.into();
    info.password_last_set = FileTime(134_398_098_282_086_340);
    info.full_name = "Alice Éxample 𐐷".to_owned();
    info.logon_script = "logon.cmd".to_owned();
    info.profile_path = r"\\fs1\profiles\alice".to_owned();
    info.home_directory = r"\\fs1\home\alice".to_owned();
    info.home_directory_drive = "H:".to_owned();
    info.logon_server = "DC1".to_owned();
    info.logon_count = 3;
    info.bad_password_count = 1;
    info.group_ids.extend([group(1105), group(1106)]);
    info.user_flags = UserFlags::EXTRA_SIDS.with(UserFlags::RESOURCE_GROUPS);
    info.extra_sids = vec![
        SidAndAttributes {
            sid: Sid::AUTHENTICATION_AUTHORITY_ASSERTED_IDENTITY,
            attributes: 7,
        },
        SidAndAttributes {
            sid: "S-1-5-21-9-8-7-1000".parse().unwrap(),
            attributes: 0x2000_0007,
        },
    ];
    info.resource_groups = Some(DomainGroupMembership {
        domain_id: domain(),
        group_ids: vec![group(1200), group(1201)],
    });
    info
}

fn upn_dns_info() -> UpnDnsInfo {
    UpnDnsInfo {
        upn: "alice@example.test".to_owned(),
        dns_domain_name: "EXAMPLE.TEST".to_owned(),
        flags: 0,
        sam_name_and_sid: Some(SamNameAndSid {
            sam_name: "alice".to_owned(),
            sid: domain().with_rid(1103).unwrap(),
        }),
    }
}

fn delegation_info() -> DelegationInfo {
    DelegationInfo {
        s4u2proxy_target: "ldap/dc.example.test".to_owned(),
        s4u_transited_services: vec![
            "HTTP/web@EXAMPLE.TEST".to_owned(),
            "cifs/é@EXAMPLE.TEST".to_owned(),
        ],
    }
}

/// Everything that we can put into a PAC.
fn builder() -> PacBuilder {
    PacBuilder::new(&principal(CLIENT), AUTHTIME)
        .unwrap()
        .logon_info(&logon_info())
        .unwrap()
        .upn_dns_info(&upn_dns_info())
        .unwrap()
        .delegation_info(&delegation_info())
        .unwrap()
        .attributes(Attributes::GIVEN_IMPLICITLY)
        .requestor_sid(&domain().with_rid(1103).unwrap())
        .buffer(BufferType(99), b"unknown".to_vec())
        .unwrap()
}

/// What MIT shows is what we read, buffer by buffer.
fn same_buffers(pac: &[u8], shown: &str, server: &Mac) {
    let verified = Pac::parse(pac)
        .unwrap()
        .verify(server, &principal(CLIENT), AUTHTIME)
        .unwrap();
    let ours: Vec<String> = verified
        .types()
        .map(|buffer| format!("{} {}", buffer.0, hex(verified.buffer(buffer).unwrap())))
        .chain(["ok".to_owned()])
        .collect();
    let theirs: Vec<&str> = shown.lines().collect();
    assert_eq!(theirs, ours);
}

#[test]
fn pac_09_mit_verifies_what_we_sign() {
    let Some(mit) = Mit::compile() else { return };
    let authtime = AUTHTIME.as_secs().to_string();
    for server in ENCTYPES {
        for krbtgt in ENCTYPES {
            let (server, krbtgt) = (key(server), key(krbtgt));
            let texts = (key_text(&server), key_text(&krbtgt));
            let pac = builder().sign_tgt(&mac(&server), &mac(&krbtgt)).unwrap();
            let arguments = ["pac", &authtime, CLIENT, "0", &texts.0, &texts.1];
            let shown = mit.run(&arguments, &pac).unwrap();
            same_buffers(&pac, &shown, &mac(&server));
            // And it does look.
            let mut changed = pac.clone();
            changed[200] ^= 1;
            assert!(mit.run(&arguments, &changed).is_err());
            let other = [
                "pac",
                &authtime,
                CLIENT,
                "0",
                &texts.0,
                &key_text(&key(krbtgt.enctype())),
            ];
            assert!(mit.run(&other, &pac).is_err());
            let late = (AUTHTIME.as_secs() + 1).to_string();
            let arguments = ["pac", &late, CLIENT, "0", &texts.0, &texts.1];
            assert!(mit.run(&arguments, &pac).is_err());
        }
    }
}

/// PAC-18: the form of CLIENT_INFO in cross-realm S4U2self.
#[test]
fn pac_18_mit_and_the_client_name_with_realm() {
    let Some(mit) = Mit::compile() else { return };
    let authtime = AUTHTIME.as_secs().to_string();
    let (server, krbtgt) = (key(ENCTYPES[1]), key(ENCTYPES[1]));
    let texts = (key_text(&server), key_text(&krbtgt));
    let pac = PacBuilder::s4u2self(&principal(CLIENT), AUTHTIME)
        .unwrap()
        .sign_tgt(&mac(&server), &mac(&krbtgt))
        .unwrap();
    let ours = |pac: &[u8]| {
        let pac = Pac::parse(pac).unwrap();
        let verified = pac.verify_s4u2self(&mac(&server), &principal(CLIENT), AUTHTIME);
        verified.unwrap().client_info().name.clone()
    };
    assert_eq!(ours(&pac), CLIENT);
    for (realm, good) in [("1", true), ("0", false)] {
        let arguments = ["pac", &authtime, CLIENT, realm, &texts.0, &texts.1];
        assert_eq!(mit.run(&arguments, &pac).is_ok(), good);
    }
    let made = mit.run(&["make", &authtime, CLIENT, "1", &texts.0, &texts.1], b"");
    assert_eq!(ours(&unhex(&made.unwrap())), CLIENT);
}

/// A whole ticket of ours, sealed with the PAC in it.
fn ticket(server: &Key, krbtgt: &Key, service: &str) -> (Vec<u8>, Vec<u8>) {
    let client = principal(CLIENT);
    let part = EncTicketPart {
        flags: TicketFlags::FORWARDABLE.with(TicketFlags::PRE_AUTHENT),
        key: EncryptionKey {
            keytype: 18,
            keyvalue: OctetString(&[7; 32]),
        },
        crealm: client.realm_to_wire(),
        cname: client.to_wire(),
        transited: TransitedEncoding {
            tr_type: TrType(1),
            contents: OctetString(b""),
        },
        authtime: AUTHTIME,
        starttime: Some(AUTHTIME),
        endtime: KerberosTime::from_secs(AUTHTIME.as_secs() + 36_000),
        renew_till: None,
        caddr: None,
        authorization_data: None,
    };
    let service = principal(service);
    let sealed = builder()
        .seal(&part, &service, &mac(server), &mac(krbtgt))
        .unwrap();
    let cipher = server
        .encrypt(KeyUsage::TICKET, sealed.expose(), &OsRandom)
        .unwrap();
    let ticket = Ticket {
        tkt_vno: 5,
        realm: service.realm_to_wire(),
        sname: service.to_wire(),
        enc_part: EncryptedData {
            etype: server.enctype().0,
            kvno: Some(UInt32(1)),
            cipher: OctetString(&cipher),
        },
    };
    (ticket.to_bytes().unwrap(), sealed.expose().to_vec())
}

/// PAC-12: MIT's KDC verifies the ticket signature, and finds none where there must be none.
#[test]
fn pac_12_mit_verifies_our_ticket_signature() {
    let Some(mit) = Mit::compile() else { return };
    for enctype in ENCTYPES {
        let (server, krbtgt) = (key(enctype), key(enctype));
        let texts = (key_text(&server), key_text(&krbtgt));
        for service in [SERVICE, "krbtgt/EXAMPLE.TEST@EXAMPLE.TEST"] {
            let (octets, part) = ticket(&server, &krbtgt, service);
            let arguments = ["ticket", service, &texts.0, &texts.1];
            let shown = mit.run(&arguments, &octets).unwrap();
            let part = EncTicketPart::from_bytes(&part).unwrap();
            let pac = locate(part.authorization_data.as_deref().unwrap()).unwrap();
            same_buffers(pac.unwrap(), &shown, &mac(&server));
            assert_eq!(shown.contains("\n16 "), service == SERVICE);
            let other = key_text(&key(enctype));
            let arguments = ["ticket", service, &texts.0, &other];
            assert!(mit.run(&arguments, &octets).is_err());
        }
    }
}

/// Security case 77: what MIT makes without a directory of accounts.
#[test]
fn case_077_we_verify_what_mit_signs() {
    let Some(mit) = Mit::compile() else { return };
    let authtime = AUTHTIME.as_secs().to_string();
    for enctype in ENCTYPES {
        let (server, krbtgt) = (key(enctype), key(enctype));
        let texts = (key_text(&server), key_text(&krbtgt));
        let check = |octets: &[u8]| {
            let pac = Pac::parse(octets).unwrap();
            let client = principal(CLIENT);
            let verified = pac
                .verify_kdc(&mac(&server), &mac(&krbtgt), &client, AUTHTIME)
                .unwrap();
            assert_eq!(verified.checked(), Checked::Kdc);
            assert!(verified.logon_info().is_none());
            assert_eq!(verified.client_info().name, "alice/admin");
            let wrong = pac.verify_kdc(&mac(&server), &mac(&server), &client, AUTHTIME);
            assert!(matches!(wrong, Err(PacError::Signature { .. })));
        };
        let made = mit.run(&["make", &authtime, CLIENT, "0", &texts.0, &texts.1], b"");
        check(&unhex(&made.unwrap()));
        let arguments = ["sign", SERVICE, &authtime, CLIENT, &texts.0, &texts.1];
        let part = unhex(&mit.run(&arguments, b"").unwrap());
        let part = EncTicketPart::from_bytes(&part).unwrap();
        let pac = locate(part.authorization_data.as_deref().unwrap()).unwrap();
        check(pac.unwrap());
    }
}

/// PAC-21 to PAC-26: every field of ours as Samba reads it.
#[test]
fn pac_21_samba_reads_what_we_write() {
    let Some(samba) = samba() else { return };
    let (server, krbtgt) = (key(ENCTYPES[1]), key(ENCTYPES[0]));
    let (server, krbtgt) = (mac(&server), mac(&krbtgt));
    let pac = builder()
        .sign_service_ticket(&server, &krbtgt, b"ticket")
        .unwrap();
    let read: Value = serde_json::from_str(&samba("read", &pac)).unwrap();
    assert_eq!(read["version"], 0);
    assert_eq!(
        read["types"],
        json!([1, 11, 10, 12, 17, 18, 99, 6, 7, 16, 19])
    );
    let info = logon_info();
    let pairs = |groups: &[GroupMembership]| -> Value {
        let pairs = groups.iter().map(|g| json!([g.relative_id, g.attributes]));
        pairs.collect()
    };
    let sids = info.extra_sids.iter();
    let resource = info.resource_groups.as_ref().unwrap();
    assert_eq!(
        read["buffers"]["1"],
        json!({
            "times": [
                info.logon_time.0,
                info.logoff_time.0,
                info.kick_off_time.0,
                info.password_last_set.0,
                info.password_can_change.0,
                info.password_must_change.0,
            ],
            "strings": [
                info.effective_name,
                info.full_name,
                info.logon_script,
                info.profile_path,
                info.home_directory,
                info.home_directory_drive,
                info.logon_server,
                info.logon_domain_name,
            ],
            "counts": [3, 1],
            "rid": 1103,
            "primary_gid": 513,
            "groups": pairs(&info.group_ids),
            "user_flags": 0x220,
            "domain_sid": domain().to_string(),
            "acct_flags": 0x10,
            "sids": sids.map(|s| json!([s.sid.to_string(), s.attributes])).collect::<Vec<_>>(),
            "resource_sid": domain().to_string(),
            "resource_groups": pairs(&resource.group_ids),
        })
    );
    assert_eq!(
        read["buffers"]["10"],
        json!({"name": "alice/admin", "time": FileTime::from(AUTHTIME).0})
    );
    assert_eq!(
        read["buffers"]["11"],
        json!({
            "target": delegation_info().s4u2proxy_target,
            "services": delegation_info().s4u_transited_services,
        })
    );
    assert_eq!(
        read["buffers"]["12"],
        json!({
            "upn": "alice@example.test",
            "dns": "EXAMPLE.TEST",
            "flags": 2,
            "sam": "alice",
            "sid": format!("{}-1103", domain()),
        })
    );
    assert_eq!(read["buffers"]["17"], json!({"length": 2, "flags": 2}));
    assert_eq!(
        read["buffers"]["18"],
        json!({"sid": format!("{}-1103", domain())})
    );
    let verified = Pac::parse(&pac)
        .unwrap()
        .verify(&server, &principal(CLIENT), AUTHTIME)
        .unwrap();
    for buffer in [6, 7, 16, 19] {
        let signature = verified.signature(BufferType(buffer)).unwrap();
        assert_eq!(
            read["buffers"][buffer.to_string()],
            json!({
                "type": signature.signature_type.0,
                "signature": hex(signature.signature),
            })
        );
    }
}

/// S4U_DELEGATION_INFO, of which there is no recording.
#[test]
fn pac_21_we_read_what_samba_writes() {
    let Some(samba) = samba() else { return };
    let buffer = unhex(&samba("write", b""));
    let (server, krbtgt) = (mac(&key(ENCTYPES[0])), mac(&key(ENCTYPES[0])));
    let pac = PacBuilder::new(&principal(CLIENT), AUTHTIME)
        .unwrap()
        .buffer(BufferType::S4U_DELEGATION_INFO, buffer.clone())
        .unwrap()
        .sign_tgt(&server, &krbtgt)
        .unwrap();
    let verified = Pac::parse(&pac)
        .unwrap()
        .verify(&server, &principal(CLIENT), AUTHTIME)
        .unwrap();
    assert_eq!(verified.delegation_info(), Some(&delegation_info()));
    assert_eq!(delegation_info().to_bytes().unwrap(), buffer);
}

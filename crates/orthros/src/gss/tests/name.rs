//! Names. The octets are those of MIT krb5 1.20 where no RFC prints any.

use super::unhex;
use crate::ap::Accepts;
use crate::gss::{
    BadName, ExportedName, GssNameType, HostBasedService, Locality, MajorStatus, MechAttribute,
    Name, Uid,
};
use crate::principal::{NameError, Principal};
use crate::wire::NameType;

const LOCAL: &str = "MIT.TEST";

fn local() -> Locality<'static> {
    Locality::of_realm(LOCAL).host("vm")
}

fn principal(text: &str) -> Principal {
    Principal::parse(text, None).unwrap()
}

/// The canonical name, or the major status.
fn imported(name_type: GssNameType, octets: &[u8]) -> Result<String, MajorStatus> {
    let name = Name::import(name_type, octets).map_err(|bad| bad.gss_major())?;
    match name.canonicalize(&local()) {
        Ok(principal) => Ok(principal.to_string()),
        Err(bad) => Err(bad.gss_major()),
    }
}

/// 04 01, the mechanism, the length, the text.
fn exported(text: &[u8]) -> Vec<u8> {
    let mut octets = unhex("0401000b06092a864886f712010202");
    octets.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    octets.extend(text);
    octets
}

#[test]
fn gss_55_every_name_type_by_its_number() {
    // RFC 2743 §4, RFC 1964 §2, RFC 6680: dotted, as printed.
    for (name_type, dotted) in [
        (GssNameType::HostBasedService, "1.2.840.113554.1.2.1.4"),
        (GssNameType::HostBasedService, "1.3.6.1.5.6.2"),
        (GssNameType::UserName, "1.2.840.113554.1.2.1.1"),
        (GssNameType::MachineUid, "1.2.840.113554.1.2.1.2"),
        (GssNameType::StringUid, "1.2.840.113554.1.2.1.3"),
        (GssNameType::KerberosPrincipal, "1.2.840.113554.1.2.2.1"),
        (GssNameType::Anonymous, "1.3.6.1.5.6.3"),
        (GssNameType::Export, "1.3.6.1.5.6.4"),
        (GssNameType::CompositeExport, "1.3.6.1.5.6.6"),
    ] {
        let oid = der::asn1::ObjectIdentifier::new(dotted).unwrap();
        let contents = oid.as_bytes();
        let der = [&[0x06, contents.len() as u8], contents].concat();
        assert_eq!(GssNameType::from_oid(&der), Ok(name_type), "{dotted}");
        if dotted != "1.3.6.1.5.6.2" {
            assert_eq!(name_type.oid(), der, "{dotted}");
        }
        for wrong in [&der[..der.len() - 1], &[&der[..], &[0]].concat()] {
            let bad = GssNameType::from_oid(wrong).unwrap_err();
            assert_eq!(bad.gss_major(), MajorStatus::BAD_NAMETYPE);
            assert!(!bad.to_string().contains('\n'));
        }
    }
    let text = |name_type, octets: &[u8]| imported(name_type, octets).unwrap();
    assert_eq!(text(GssNameType::UserName, b"alice"), "alice@MIT.TEST");
    assert_eq!(text(GssNameType::UserName, b"alice@R"), "alice@R");
    assert_eq!(text(GssNameType::KerberosPrincipal, b"a/b"), "a/b@MIT.TEST");
    // Each keeps its type.
    for name_type in GssNameType::ALL {
        let octets = match name_type {
            GssNameType::MachineUid => 33_u32.to_ne_bytes().to_vec(),
            GssNameType::StringUid => b"33".to_vec(),
            GssNameType::Export => exported(b"a@R"),
            GssNameType::CompositeExport => {
                let mut octets = exported(b"a@R");
                octets[1] = 2;
                octets.extend([0, 0, 0, 1, 0xAA]);
                octets
            }
            _ => b"http@host".to_vec(),
        };
        let name = Name::import(name_type, &octets).unwrap();
        assert_eq!(name.name_type(), name_type);
        assert!(!name.to_string().is_empty());
    }
}

#[test]
fn gss_55_users_by_number() {
    let user = |uid: u32| (uid == 33).then(|| "www-data".to_owned());
    let local = local().user_of_uid(&user);
    let machine = Name::import(GssNameType::MachineUid, &33_u32.to_ne_bytes()).unwrap();
    let string = Name::import(GssNameType::StringUid, b"33").unwrap();
    for name in [&machine, &string] {
        let www = name.canonicalize(&local).unwrap();
        assert_eq!(www.to_string(), "www-data@MIT.TEST");
    }
    // Nobody is called so, or nobody knows.
    assert!(Uid(34).principal(&local).is_err());
    assert_eq!(
        imported(GssNameType::StringUid, b"33"),
        Err(MajorStatus::BAD_NAME)
    );
    assert_eq!(
        Uid(33).principal(&Locality::new().user_of_uid(&user)),
        Err(BadName::Principal(NameError::NoRealm))
    );
    // A number is a number: no other becomes user 0.
    for bad in ["", "abc", "+5", "-1", " 1", "1 ", "4294967296", "0x1"] {
        let bad = Name::import(GssNameType::StringUid, bad.as_bytes()).unwrap_err();
        assert_eq!(bad.gss_major(), MajorStatus::BAD_NAME);
    }
    for len in [0, 1, 3, 5, 8] {
        let bad = Name::import(GssNameType::MachineUid, &vec![0; len]).unwrap_err();
        assert_eq!(bad.gss_major(), MajorStatus::BAD_NAME);
    }
}

#[test]
fn gss_56_host_based_services() {
    for (name, canonical) in [
        ("HTTP@WWW.Example.COM", "HTTP/www.example.com@MIT.TEST"),
        ("HTTP@www.example.com.", "HTTP/www.example.com@MIT.TEST"),
        ("HTTP@www:8080", "HTTP/www:8080@MIT.TEST"),
        ("HTTP@WWW:Abc", "HTTP/www:Abc@MIT.TEST"),
        ("HTTP@WWW.:Abc", "HTTP/www:Abc@MIT.TEST"),
        ("HTTP@2001:DB8::1", "HTTP/2001:db8::1@MIT.TEST"),
        ("HTTP@HOST:", "HTTP/host:@MIT.TEST"),
        // No host: this one.
        ("HTTP", "HTTP/vm@MIT.TEST"),
        // No quoting, and the case of the service matters.
        ("a/b@host", r"a\/b/host@MIT.TEST"),
        ("a@B@host", r"a/b\@host@MIT.TEST"),
        (r"h\@x@host", r"h\\/x\@host@MIT.TEST"),
        ("Host@host", "Host/host@MIT.TEST"),
    ] {
        let name = imported(GssNameType::HostBasedService, name.as_bytes());
        assert_eq!(name.as_deref(), Ok(canonical));
    }
    for bad in ["", "@", "@host", "HTTP@", "a\0b@host", "a@ho\0st"] {
        assert_eq!(
            imported(GssNameType::HostBasedService, bad.as_bytes()),
            Err(MajorStatus::BAD_NAME),
            "{bad:?}"
        );
    }
    assert_eq!(
        imported(GssNameType::HostBasedService, b"HTTP@\xFF"),
        Err(MajorStatus::BAD_NAME)
    );
    let web = HostBasedService::parse("HTTP@Web").unwrap();
    assert_eq!((web.service(), web.host()), ("HTTP", Some("Web")));
    assert_eq!(web.to_string(), "HTTP@Web");
    let www = web.principal(&local()).unwrap();
    assert_eq!(www.name_type(), NameType::SRV_HST);
    // Where this is, only the caller knows.
    let here = HostBasedService::parse("HTTP").unwrap();
    let nowhere = Locality::of_realm(LOCAL);
    assert!(matches!(here.principal(&nowhere), Err(BadName::Open(_))));
    let no_realm = Locality::new().host("vm");
    assert_eq!(
        here.principal(&no_realm),
        Err(BadName::Principal(NameError::NoRealm))
    );
    let realm_of = |host: &str| host.ends_with(".example.com").then(|| "EXAMPLE.COM".into());
    let mapped = local().realm_of_host(&realm_of);
    let of = |name: &str| HostBasedService::parse(name).unwrap().principal(&mapped);
    assert_eq!(
        of("HTTP@WWW.EXAMPLE.COM.:80").unwrap().to_string(),
        "HTTP/www.example.com:80@EXAMPLE.COM"
    );
    assert_eq!(of("HTTP@other").unwrap().realm(), LOCAL);
    // What an acceptor of such a name accepts.
    assert_eq!(web.accepts(&local()), Ok(Accepts::Service(www)));
    assert_eq!(here.accepts(&local()), Ok(Accepts::Class("HTTP".into())));
}

#[test]
fn gss_58_export_and_import() {
    for (name, octets) in [
        ("a@R", "0401000b06092a864886f71201020200000003614052"),
        (
            "HTTP/www.example.com@MIT.TEST",
            "0401000b06092a864886f7120102020000001d485454502f7777772e6578616d706c652e636f6d40\
             4d49542e54455354",
        ),
        (
            r"a\/b@R",
            "0401000b06092a864886f71201020200000006615c2f624052",
        ),
        (
            r"a\bc@R",
            "0401000b06092a864886f71201020200000006615c62634052",
        ),
        (
            r"a/b@R\/S",
            "0401000b06092a864886f71201020200000008612f6240525c2f53",
        ),
        (
            "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS",
            "0401000b06092a864886f7120102020000002757454c4c4b4e4f574e2f414e4f4e594d4f55534057\
             454c4c4b4e4f574e3a414e4f4e594d4f5553",
        ),
    ] {
        let octets = unhex(octets);
        assert_eq!(principal(name).export_name(), octets, "{name}");
        let read = ExportedName::from_bytes(&octets).unwrap();
        assert_eq!(read.principal(), &principal(name));
        assert_eq!(read.attributes(), None);
        assert_eq!(read.to_bytes(), octets);
        assert_eq!(
            imported(GssNameType::Export, &octets).as_deref(),
            Ok(&*principal(name).to_string())
        );
    }
    // What others quote more than is needed is the same name (RFC 1964 §2.1.3 forbids it to us).
    let more = ExportedName::from_bytes(&exported(br"a\ b@R")).unwrap();
    assert_eq!(more.principal(), &principal("a b@R"));
    assert_eq!(more.to_bytes(), exported(b"a b@R"));
}

proptest::proptest! {
    /// Octets are equal exactly if the names are.
    #[test]
    fn gss_58_byte_equality_is_name_equality(
        a in proptest::collection::vec("[a/@\\\\\n\t\u{8} ]{0,3}", 1..4),
        b in proptest::collection::vec("[a/@\\\\\n\t\u{8} ]{0,3}", 1..4),
        realms in ("[R/@\\\\]{1,2}", "[R/@\\\\]{1,2}"),
    ) {
        let name = |realm: &str, components: &[String]| {
            Principal::new(realm, NameType::PRINCIPAL, components)
        };
        let (Ok(a), Ok(b)) = (name(&realms.0, &a), name(&realms.1, &b)) else { return Ok(()) };
        proptest::prop_assert_eq!(a == b, a.export_name() == b.export_name());
        proptest::prop_assert_eq!(a == b, a.names_same(&b));
        let read = ExportedName::from_bytes(&a.export_name()).unwrap();
        proptest::prop_assert_eq!(read.principal(), &a);
    }

    #[test]
    fn case_054_any_octets_are_a_name_or_an_error(octets: Vec<u8>) {
        for name_type in GssNameType::ALL {
            let _ = Name::import(name_type, &octets);
        }
        let _ = Name::import(GssNameType::Export, &exported(&octets));
    }
}

/// GSS-58, security case 54: every importer meets octets too many, too few, and a mechanism that is
/// another.
#[test]
fn case_054_every_importer() {
    let good = exported(b"alice/admin@EXAMPLE.COM");
    let mut composite = good.clone();
    composite[1] = 2;
    composite.extend([0, 0, 0, 3, 1, 2, 3]);
    let read = ExportedName::from_bytes(&composite).unwrap();
    assert_eq!(read.attributes(), Some(&[1, 2, 3][..]));
    assert_eq!(read.principal().to_string(), "alice/admin@EXAMPLE.COM");
    assert_eq!(read.to_bytes(), composite);
    let major = |name_type, octets: &[u8]| {
        let bad = Name::import(name_type, octets).unwrap_err();
        assert!(!bad.to_string().contains('\n'));
        bad.gss_major()
    };
    for (name_type, other, good) in [
        (GssNameType::Export, GssNameType::CompositeExport, &good),
        (
            GssNameType::CompositeExport,
            GssNameType::Export,
            &composite,
        ),
    ] {
        assert!(Name::import(name_type, good).is_ok());
        // Each prefix.
        for len in 0..good.len() {
            assert_eq!(major(name_type, &good[..len]), MajorStatus::BAD_NAME);
            assert!(ExportedName::from_bytes(&good[..len]).is_err(), "{len}");
        }
        // Octets behind the end.
        for more in [&[0][..], b"x", &[0; 4], &[0; 300], good] {
            let octets = [&good[..], more].concat();
            assert_eq!(major(name_type, &octets), MajorStatus::BAD_NAME);
        }
        // Under the other type.
        assert_eq!(major(other, good), MajorStatus::BAD_NAME);
        // Other mechanisms: one that is longer by its last number, SPNEGO, and the old one of Windows.
        for oid in [
            "06092a864886f712010203",
            "060a2a864886f71201020203",
            "06062b0601050502",
            "06092a864882f712010202",
        ] {
            let oid = unhex(oid);
            let octets = [
                &good[..2],
                &u16::try_from(oid.len()).unwrap().to_be_bytes(),
                &oid,
                &good[15..],
            ]
            .concat();
            assert_eq!(major(name_type, &octets), MajorStatus::BAD_MECH);
            // Nothing behind the mechanism is read.
            assert_eq!(
                major(name_type, &octets[..4 + oid.len()]),
                MajorStatus::BAD_MECH
            );
        }
        // Each octet of the head alone; lengths that lead elsewhere.
        for (at, value) in [
            (0, 0x60),
            (1, 0x00),
            (1, 0x03),
            (2, 0x01),
            (3, 0x00),
            (3, 0x0A),
            (3, 0x0C),
            (4, 0x04),
            (5, 0x08),
            (5, 0x0A),
            (5, 0x89),
            (15, 0xFF),
            (18, good[18] - 1),
            (18, good[18] + 1),
        ] {
            let mut octets = good.clone();
            octets[at] = value;
            assert_eq!(major(name_type, &octets), MajorStatus::BAD_NAME, "{at}");
        }
    }
    // The text: no realm, two, no name, a quote of nothing, NUL, no UTF-8.
    for text in [
        &b""[..],
        b"alice",
        b"alice@",
        b"@R",
        b"a@R@S",
        b"a@R\\",
        br"a\0@R",
        b"a\0@R",
        b"a\xFF@R",
    ] {
        assert_eq!(
            major(GssNameType::Export, &exported(text)),
            MajorStatus::BAD_NAME
        );
    }
    for name_type in [GssNameType::UserName, GssNameType::KerberosPrincipal] {
        for text in [&b""[..], b"@R", b"a@", b"a@R@S", b"a\\", b"a\0b", b"a\xFF"] {
            assert_eq!(major(name_type, text), MajorStatus::BAD_NAME);
        }
    }
}

#[test]
fn gss_59_the_anonymous_name() {
    let anonymous = "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS";
    for octets in [&b""[..], b"whoever"] {
        let name = Name::import(GssNameType::Anonymous, octets).unwrap();
        assert_eq!(name.to_string(), anonymous);
        // Whoever knows no realm knows this one.
        let name = name.canonicalize(&Locality::new()).unwrap();
        assert_eq!(name, principal(anonymous));
        assert_eq!(name.gss_name_type(), GssNameType::Anonymous);
    }
    assert_eq!(principal(anonymous).gss_name_type(), GssNameType::Anonymous);
    for other in [
        "WELLKNOWN/ANONYMOUS@MIT.TEST",
        "WELLKNOWN/ANONYMOUS/x@WELLKNOWN:ANONYMOUS",
        "WELLKNOWN@WELLKNOWN:ANONYMOUS",
        r"WELLKNOWN\/ANONYMOUS@WELLKNOWN:ANONYMOUS",
        "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOU",
        "alice@WELLKNOWN:ANONYMOUS",
    ] {
        let other = principal(other);
        assert_eq!(other.gss_name_type(), GssNameType::KerberosPrincipal);
        assert!(other.names_same(&other));
    }
    // RFC 2743 §2.4.3: nobody is nobody's equal.
    let nobody = principal(anonymous);
    assert_eq!(nobody, nobody);
    assert!(!nobody.names_same(&nobody));
}

#[test]
fn gss_64_attributes_of_the_mechanism() {
    let names: Vec<String> = MechAttribute::OF_KERBEROS
        .iter()
        .map(|attribute| attribute.to_string())
        .collect();
    assert_eq!(
        names,
        [
            "GSS_C_MA_MECH_CONCRETE",
            "GSS_C_MA_ITOK_FRAMED",
            "GSS_C_MA_AUTH_INIT",
            "GSS_C_MA_AUTH_TARG",
            "GSS_C_MA_AUTH_INIT_ANON",
            "GSS_C_MA_DELEG_CRED",
            "GSS_C_MA_INTEG_PROT",
            "GSS_C_MA_CONF_PROT",
            "GSS_C_MA_MIC",
            "GSS_C_MA_WRAP",
            "GSS_C_MA_REPLAY_DET",
            "GSS_C_MA_OOS_DET",
            "GSS_C_MA_CBINDINGS",
        ]
    );
    assert!(!MechAttribute::OF_KERBEROS.contains(&MechAttribute::PFS));
    assert_eq!(MechAttribute::KNOWN.len(), 27);
    // RFC 5587 §3.2: 1.3.6.1.5.5.13.25.
    let pfs = der::asn1::ObjectIdentifier::new("1.3.6.1.5.5.13.25").unwrap();
    assert_eq!(MechAttribute::PFS.oid()[2..], *pfs.as_bytes());
    assert_eq!(MechAttribute(99).to_string(), "1.3.6.1.5.5.13.99");
}

#[test]
fn gss_63_bad_names_as_errors() {
    let errors = [
        BadName::Type { oid: vec![6, 1, 1] },
        BadName::Mechanism { oid: vec![] },
        BadName::Principal(NameError::NoRealm),
        Name::import(GssNameType::Export, b"x").unwrap_err(),
        BadName::Open("open"),
    ];
    for bad in errors {
        let line = bad.to_string();
        let error = crate::error::Error::from(bad);
        assert!(!line.is_empty() && !error.to_string().is_empty());
    }
}

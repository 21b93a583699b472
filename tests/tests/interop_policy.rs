//! MIT's kvno and gss-client, with tickets of MIT's KDC, before acceptors of every policy.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use orthros::ap::{
    self, AcceptorConfig, Accepts, AddressPolicy, HostAddr, PacPolicy, ServiceKeys, TransitedPolicy,
};
use orthros::ccache::CredentialCache;
use orthros::crypto::{Enctype, Key};
use orthros::env;
use orthros::error::{Error, Rejection};
use orthros::gss::{Acceptor, AcceptorBindings, BindingOutcome, ChannelBindings, SecurityContext};
use orthros::keytab::{Keytab, KeytabEntry};
use orthros::principal::Principal;
use orthros::secret::Secret;
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros::wire::TicketFlags;
use orthros_net::{KdcAddresses, KdcConfig, blocking::KdcClient};
use orthros_tests::mit::{MitOptions, MitRealm, expect_success};

const SERVICE: &str = "host/localhost";

fn realm() -> Option<MitRealm> {
    let realm = MitRealm::start()?;
    realm.add_principal("alice", "correct horse");
    realm.add_service(SERVICE);
    realm.kinit("alice", "correct horse", &[])?;
    realm.kvno(SERVICE)?;
    realm.command("gss-client")?;
    Some(realm)
}

fn principal(name: &str) -> Principal {
    Principal::parse(name, Some("MIT.TEST")).unwrap()
}

fn config(realm: &MitRealm, accepts: Accepts) -> AcceptorConfig {
    let keytab = Keytab::parse(&fs::read(realm.keytab()).unwrap(), "keytab").unwrap();
    AcceptorConfig::new(Arc::new(ServiceKeys::from(&keytab)), accepts)
}

fn own(realm: &MitRealm) -> AcceptorConfig {
    config(realm, Accepts::Service(principal(SERVICE)))
}

/// How gss-client comes, and how it is met.
struct Meeting<'a> {
    /// gss-client finds this there instead of the realm's own.
    krb5_conf: Option<&'a Path>,
    service: &'a str,
    bindings: AcceptorBindings,
    /// From where it comes, as the acceptor is told.
    peer: Option<HostAddr>,
    /// The acceptor's clock, in seconds from the system's.
    ahead: i64,
}

impl Default for Meeting<'_> {
    fn default() -> Self {
        Self {
            krb5_conf: None,
            service: "host@localhost",
            bindings: AcceptorBindings::None,
            peer: None,
            ahead: 0,
        }
    }
}

/// What an acceptor makes of gss-client's first token.
fn judge(
    realm: &MitRealm,
    config: AcceptorConfig,
    bindings: AcceptorBindings,
) -> Result<SecurityContext, Error> {
    let meeting = Meeting {
        bindings,
        ..Meeting::default()
    };
    meet(realm, config, meeting)
}

fn meet(
    realm: &MitRealm,
    config: AcceptorConfig,
    meeting: Meeting<'_>,
) -> Result<SecurityContext, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut client = realm.command("gss-client").unwrap();
    if let Some(krb5_conf) = meeting.krb5_conf {
        client.env("KRB5_CONFIG", krb5_conf);
    }
    let mut client = client
        .args(["-port", &port, "localhost", meeting.service, "message"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(_) if Instant::now() < patience => thread::sleep(Duration::from_millis(5)),
            Err(error) => {
                let _ = client.kill();
                let _ = client.wait();
                panic!("gss-client does not come: {error}");
            }
        }
    };
    stream.set_nonblocking(false).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // Each frame is an octet of flags, four of length, and the token; the first frame is empty.
    let mut token = Vec::new();
    for _ in 0..2 {
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        let [_, length @ ..] = head;
        token = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut token).unwrap();
    }
    let now = Timestamp::from(SystemTime::now()).offset(meeting.ahead * 1_000_000);
    let mut acceptor = Acceptor::new(ap::Acceptor::new(config)).bindings(meeting.bindings);
    if let Some(peer) = meeting.peer {
        acceptor = acceptor.peer(peer);
    }
    let result = acceptor.accept(&token, now);
    let answer = match &result {
        Ok(Step::Established { token, .. }) => token.as_deref(),
        _ => None,
    };
    if let Some(answer) = answer {
        let length = u32::try_from(answer.len()).unwrap().to_be_bytes();
        let _ = stream.write_all(&[&[2], &length[..], answer].concat());
    }
    drop(stream);
    let _ = client.wait();
    match result {
        Ok(Step::Established { context, .. }) => Ok(context),
        Ok(Step::Continue { .. }) => panic!("gss-client begins with an AP-REQ"),
        Err(refusal) => Err(refusal.error),
    }
}

/// The code of a refusal.
fn refused(result: Result<SecurityContext, Error>) -> i32 {
    match result {
        Ok(context) => panic!("accepted: {:?}", context.info()),
        Err(error) => error.protocol_code().0,
    }
}

#[test]
fn gss_client_under_each_policy() {
    let Some(realm) = realm() else { return };
    let none = || AcceptorBindings::None;
    let judged = |config| judge(&realm, config, none());

    // Which service (AP-19).
    for accepts in [
        Accepts::Service(principal(SERVICE)),
        Accepts::Class("host".into()),
        Accepts::AnyKey,
    ] {
        let context = judged(config(&realm, accepts)).unwrap();
        let peer = context.peer().unwrap();
        assert_eq!(peer.client(), &principal("alice"));
        assert_eq!(peer.server(), &principal(SERVICE));
        assert!(peer.keytab_entry().is_some() && peer.keytab_kvno().is_some());
        assert_eq!(context.info().bindings, BindingOutcome::NotCompared);
    }
    for accepts in [
        Accepts::Service(principal("HTTP/localhost")),
        Accepts::Class("HTTP".into()),
    ] {
        assert_eq!(refused(judged(config(&realm, accepts))), 35);
    }

    // Enctypes (AP-24), skew (AP-28), addresses (AP-27), user-to-user (AP-79).
    let aes128 = [Enctype::AES128_CTS_HMAC_SHA1_96];
    assert_eq!(refused(judged(own(&realm).permitted_enctypes(aes128))), 14);
    assert!(judged(own(&realm).skew(Duration::from_secs(60))).is_ok());
    let demanding = own(&realm).addresses(AddressPolicy::Required);
    assert_eq!(refused(judged(demanding)), 38);
    let key = orthros::crypto::Key::new(Enctype::AES256_CTS_HMAC_SHA1_96, &[7; 32]).unwrap();
    assert!(judged(own(&realm).user_to_user(key.clone())).is_ok());
    assert_eq!(refused(judged(own(&realm).user_to_user_only(key))), 69);

    // MIT's KDC issues a PAC without LOGON_INFO since 1.20 (PAC-19).
    let has_pac = judged(own(&realm)).unwrap().peer().unwrap().pac().is_some();
    let required = judged(own(&realm).pac(PacPolicy::Required));
    assert_eq!(required.is_ok(), has_pac);
    let logon_info = own(&realm).pac(PacPolicy::RequiredWithLogonInfo);
    assert_eq!(refused(judged(logon_info)), 12);

    // gss-client has no channel bindings (GSS-21).
    let ours = ChannelBindings::from_application_data("tls-exporter:1");
    for policy in [
        AcceptorBindings::Allow(ours.clone().into()),
        AcceptorBindings::Audit(ours.clone().into()),
    ] {
        let context = judge(&realm, own(&realm), policy).unwrap();
        assert_eq!(context.info().bindings, BindingOutcome::Absent);
    }
    let error = judge(&realm, own(&realm), AcceptorBindings::Require(ours.into())).unwrap_err();
    let Error::Rejected(rejection) = error else {
        panic!("{error:?}")
    };
    assert!(matches!(
        *rejection,
        Rejection::ChannelBindings { sent: false }
    ));
}

/// The key is changed under a client that holds a ticket (AP-18, AP-20).
#[test]
fn a_ticket_from_before_the_key_was_changed() {
    let Some(realm) = realm() else { return };
    let none = || AcceptorBindings::None;
    realm.ktadd(&realm.keytab(), SERVICE);
    let context = judge(&realm, own(&realm), none()).unwrap();
    let peer = context.peer().unwrap();
    assert_eq!(peer.keytab_kvno(), peer.ticket().kvno);
    assert!(!peer.used_fallback_key());
    // A keytab that holds the new key only.
    fs::remove_file(realm.keytab()).unwrap();
    realm.ktadd(&realm.keytab(), SERVICE);
    assert_eq!(refused(judge(&realm, own(&realm), none())), 44);
}

/// The keytab with other versions, and perhaps other keys.
fn renumbered(realm: &MitRealm, change: impl Fn(u32, &Key) -> Vec<(u32, Key)>) -> AcceptorConfig {
    let keytab = Keytab::parse(&fs::read(realm.keytab()).unwrap(), "keytab").unwrap();
    let mut other = Keytab::new();
    for (_, entry) in keytab.entries() {
        let key = entry.key().unwrap();
        for (kvno, key) in change(entry.kvno(), key) {
            let (principal, timestamp) = (entry.principal().clone(), entry.timestamp());
            let entry = KeytabEntry::new(principal, kvno, key, timestamp);
            other.add(entry).unwrap();
        }
    }
    let accepts = Accepts::Service(principal(SERVICE));
    AcceptorConfig::new(Arc::new(ServiceKeys::from(&other)), accepts)
}

fn another(key: &Key) -> Key {
    let enctype = key.enctype();
    Key::new(enctype, &vec![7; enctype.key_len().unwrap()]).unwrap()
}

/// Versions beyond 255, of which a keytab has eight bits or none right (AP-20, AP-21).
#[test]
fn ap_20_and_ap_21_versions_that_the_keytab_has_otherwise() {
    let Some(realm) = realm() else { return };
    realm.kadmin(&["modprinc", "-kvno", "258", SERVICE]);
    // The next version is 259.
    fs::remove_file(realm.keytab()).unwrap();
    realm.ktadd(&realm.keytab(), SERVICE);
    fs::remove_file(realm.ccache()).unwrap();
    realm.kinit("alice", "correct horse", &[]).unwrap();
    realm.kvno(SERVICE).unwrap();
    let judged = |config| judge(&realm, config, AcceptorBindings::None);
    let right = |context: &SecurityContext| {
        let peer = context.peer().unwrap();
        assert_eq!(peer.ticket().kvno, Some(259));
        (peer.keytab_kvno(), peer.used_fallback_key())
    };
    let as_it_is = judged(own(&realm)).unwrap();
    assert_eq!(right(&as_it_is), (Some(259), false));
    let eight_bits = judged(renumbered(&realm, |kvno, key| {
        vec![(kvno & 0xff, key.clone())]
    }));
    assert_eq!(right(&eight_bits.unwrap()), (Some(3), false));
    // The full number wins over the low octet of another.
    let both = |kvno: u32, key: &Key| vec![(kvno & 0xff, another(key)), (kvno, key.clone())];
    assert_eq!(
        right(&judged(renumbered(&realm, both)).unwrap()),
        (Some(259), false)
    );
    // The version that the ticket names has another key, and an older one opens it.
    let swapped = |kvno: u32, key: &Key| vec![(kvno, another(key)), (kvno - 1, key.clone())];
    assert_eq!(
        right(&judged(renumbered(&realm, swapped)).unwrap()),
        (Some(258), true)
    );
    // None of that version: no other is tried (AP-18).
    let missing = |kvno: u32, key: &Key| vec![(kvno - 1, key.clone()), (kvno + 1, key.clone())];
    let error = judged(renumbered(&realm, missing)).unwrap_err();
    assert_eq!(error.protocol_code().0, 44);
    assert_eq!(error.explain().code, "AP_KVNO_MISNUMBERED");
    // The right version of another key.
    let wrong = |kvno: u32, key: &Key| vec![(kvno, another(key))];
    assert_eq!(refused(judged(renumbered(&realm, wrong))), 31);
}

/// One class of service under one key set, `HTTP/*` (AP-19; security case 126).
#[test]
fn ap_19_a_class_of_services() {
    let Some(realm) = realm() else { return };
    realm.add_service("HTTP/localhost");
    realm.kvno("HTTP/localhost").unwrap();
    let web = || Meeting {
        service: "HTTP@localhost",
        ..Meeting::default()
    };
    let class = |name: &str| config(&realm, Accepts::Class(name.into()));
    let context = meet(&realm, class("HTTP"), web()).unwrap();
    assert_eq!(
        context.peer().unwrap().server(),
        &principal("HTTP/localhost")
    );
    assert_eq!(refused(meet(&realm, class("host"), web())), 35);
    // The keytab has a key for it, and the acceptor is another service's.
    assert_eq!(refused(meet(&realm, class("HTTP"), Meeting::default())), 35);
    assert_eq!(refused(meet(&realm, class("http"), web())), 35);
}

/// The acceptor's clock, turned (AP-28).
#[test]
fn ap_28_clocks_apart() {
    let Some(realm) = realm() else { return };
    for (ahead, skew, code) in [
        (280, 300, 0),
        (-280, 300, 0),
        (320, 300, 37),
        (-320, 300, 37),
        (80, 60, 37),
        (320, 600, 0),
    ] {
        let config = own(&realm).skew(Duration::from_secs(skew));
        let meeting = Meeting {
            ahead,
            ..Meeting::default()
        };
        match (meet(&realm, config, meeting), code) {
            (Ok(context), 0) => {
                let offset = context.peer().unwrap().clock_offset();
                let expected = -ahead * 1_000_000;
                assert!((offset - expected).abs() < 20_000_000, "{offset}");
            }
            (result, code) => assert_eq!(refused(result), code, "{ahead} {skew}"),
        }
    }
}

/// A ticket with addresses, of `kinit -a` (AP-27).
#[test]
fn ap_27_a_ticket_with_addresses() {
    let Some(realm) = realm() else { return };
    let conf = realm.other_krb5_conf(
        "addresses.conf",
        "\tnoaddresses = false\n\textra_addresses = 127.0.0.1",
    );
    fs::remove_file(realm.ccache()).unwrap();
    let mut kinit = realm.command("kinit").unwrap();
    kinit.env("KRB5_CONFIG", &conf).args(["-a", "alice"]);
    let mut child = kinit
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"correct horse\n")
        .unwrap();
    assert!(child.wait().unwrap().success());
    let mut kvno = realm.command("kvno").unwrap();
    expect_success(kvno.env("KRB5_CONFIG", &conf).arg(SERVICE));
    let from = |octets: [u8; 4]| Some(HostAddr::from(IpAddr::from(octets)));
    for (peer, policy, code) in [
        (from([127, 0, 0, 1]), AddressPolicy::IfPresent, 0),
        (from([127, 0, 0, 1]), AddressPolicy::Required, 0),
        (from([192, 0, 2, 1]), AddressPolicy::IfPresent, 38),
        (from([192, 0, 2, 1]), AddressPolicy::Required, 38),
        (from([192, 0, 2, 1]), AddressPolicy::Ignored, 0),
        (None, AddressPolicy::IfPresent, 0),
        (None, AddressPolicy::Required, 38),
    ] {
        let meeting = Meeting {
            krb5_conf: Some(&conf),
            peer: peer.clone(),
            ..Meeting::default()
        };
        match (meet(&realm, own(&realm).addresses(policy), meeting), code) {
            (Ok(context), 0) => assert!(!context.peer().unwrap().ticket().addresses.is_empty()),
            (result, code) => assert_eq!(refused(result), code, "{peer:?} {policy:?}"),
        }
    }
}

/// Anonymous clients (AP-41). The flag of the ticket needs PKINIT with MIT's KDC, and its kinit
/// takes no other ticket of that name, so that the TGT is got by our client; the name alone is enough
/// to be nobody in particular.
#[test]
fn ap_41_an_anonymous_name() {
    let Some(realm) = realm() else { return };
    realm.add_principal("WELLKNOWN/ANONYMOUS", "correct horse");
    let addresses = KdcAddresses::new().with(realm.realm(), [realm.address()]);
    let client = KdcClient::new(KdcConfig::new(addresses));
    let nobody = principal("WELLKNOWN/ANONYMOUS");
    let tgt = client
        .get_tgt(nobody, Secret::from("correct horse"))
        .unwrap();
    let cache = CredentialCache::with_credentials(&tgt.credentials);
    env::write_ccache(&realm.ccache(), &cache).unwrap();
    let error = judge(&realm, own(&realm), AcceptorBindings::None).unwrap_err();
    assert_eq!(error.explain().code, "AP_ANONYMOUS");
    let context = judge(
        &realm,
        own(&realm).allow_anonymous(),
        AcceptorBindings::None,
    )
    .unwrap();
    let peer = context.peer().unwrap();
    assert!(peer.is_anonymous());
    assert_eq!(peer.client(), &principal("WELLKNOWN/ANONYMOUS"));
}

/// Three realms of MIT krb5, of which each trusts the one before; a service in the last, whose KDC
/// lets tickets through that came another way than it knows (AP-32).
struct Path3 {
    realms: [MitRealm; 3],
    krb5_conf: PathBuf,
}

fn three_realms(names: [&str; 3], last: &str) -> Option<Path3> {
    let start = |name: &str, kdc: &str, sections: &str| {
        MitRealm::start_with(MitOptions {
            realm: name.to_owned(),
            kdc: kdc.to_owned(),
            sections: sections.to_owned(),
            ..MitOptions::default()
        })
    };
    let realms = [
        start(names[0], "", "")?,
        start(names[1], "", "")?,
        start(names[2], "\t\treject_bad_transit = false", last)?,
    ];
    for step in [0, 1] {
        let trust = format!("krbtgt/{}@{}", names[step + 1], names[step]);
        realms[step].add_principal(&trust, "the trust between the two");
        realms[step + 1].add_principal(&trust, "the trust between the two");
    }
    realms[0].add_principal("alice", "correct horse");
    realms[2].add_service(SERVICE);
    let [client, between, server] = names;
    let kdcs: String = realms
        .iter()
        .map(|realm| {
            format!(
                "\t{} = {{\n\t\tkdc = {}\n\t}}\n",
                realm.realm(),
                realm.address()
            )
        })
        .collect();
    let krb5_conf = realms[0].path().join("all.conf");
    let text = format!(
        "[libdefaults]\n\tdefault_realm = {client}\n\tdns_lookup_kdc = false\n\
         \tdns_canonicalize_hostname = false\n\trdns = false\n\
         [realms]\n{kdcs}[domain_realm]\n\tlocalhost = {server}\n\
         [capaths]\n\t{client} = {{\n\t\t{server} = {between}\n\t}}\n"
    );
    fs::write(&krb5_conf, text).unwrap();
    realms[0].kinit("alice", "correct horse", &[])?;
    let mut kvno = realms[0].command("kvno")?;
    kvno.env("KRB5_CONFIG", &krb5_conf);
    expect_success(kvno.arg(format!("{SERVICE}@{server}")));
    realms[0].command("gss-client")?;
    Some(Path3 { realms, krb5_conf })
}

impl Path3 {
    fn judge(&self, policy: TransitedPolicy) -> Result<SecurityContext, Error> {
        let [client, _, server] = &self.realms;
        let keytab = Keytab::parse(&fs::read(server.keytab()).unwrap(), "keytab").unwrap();
        let service = Principal::parse(SERVICE, Some(server.realm())).unwrap();
        let keys = Arc::new(ServiceKeys::from(&keytab));
        let config = AcceptorConfig::new(keys, Accepts::Service(service)).transited(policy);
        let meeting = Meeting {
            krb5_conf: Some(&self.krb5_conf),
            ..Meeting::default()
        };
        meet(client, config, meeting)
    }

    /// It is accepted, though the KDC did not check the path.
    fn admits(&self, policy: TransitedPolicy) {
        let context = self.judge(policy).unwrap();
        let peer = context.peer().unwrap();
        assert_eq!(peer.client().realm(), self.realms[0].realm());
        assert!(!peer.flags().contains(TicketFlags::TRANSITED_POLICY_CHECKED));
    }
}

#[test]
fn ap_32_a_path_by_capaths() {
    let names = ["A.TEST", "B.TEST", "C.TEST"];
    let Some(path) = three_realms(names, "") else {
        return;
    };
    let through = |realms: &[&str]| {
        TransitedPolicy::hierarchical().capath("A.TEST", "C.TEST", realms.iter().copied())
    };
    path.admits(through(&["B.TEST"]));
    path.admits(through(&["X.TEST", "B.TEST"]));
    for policy in [
        TransitedPolicy::hierarchical(),
        TransitedPolicy::checked_by_kdc(),
        through(&["X.TEST"]),
        through(&["."]),
        TransitedPolicy::hierarchical().capath("C.TEST", "A.TEST", ["B.TEST"]),
    ] {
        let error = path.judge(policy).unwrap_err();
        assert_eq!(error.protocol_code().0, 51);
        assert!(
            error.explain().message.contains("A.TEST to C.TEST"),
            "{error}"
        );
    }
}

/// The KDC is told of another path, so that it does not check this one.
#[test]
fn ap_32_and_kdc_28_a_path_by_the_hierarchy() {
    let names = ["ONE.TREE.TEST", "TREE.TEST", "TWO.TREE.TEST"];
    let last = "[capaths]\n\tONE.TREE.TEST = {\n\t\tTWO.TREE.TEST = OTHER.TEST\n\t}";
    let Some(path) = three_realms(names, last) else {
        return;
    };
    path.admits(TransitedPolicy::hierarchical());
    let error = path.judge(TransitedPolicy::checked_by_kdc()).unwrap_err();
    assert_eq!(error.protocol_code().0, 51);
    let direct = TransitedPolicy::hierarchical().capath(names[0], names[2], ["."]);
    assert_eq!(path.judge(direct).unwrap_err().protocol_code().0, 51);
}

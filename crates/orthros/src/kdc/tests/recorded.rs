//! A recorded conversation of a Samba domain, continued with our KDC in the domain's place: same
//! keys, same clock.

use super::*;
use crate::pac::{BufferType, Pac, locate};

macro_rules! recorded {
    ($name:literal) => {
        include_bytes!(concat!(
            "../../../../../vectors/pac/ad.example.test/",
            $name
        ))
    };
}

const KRBTGT: &str = "32a60d711cdc51b499c0a8fad0eca90658ea369ebf1a49d801c2abc9681004f9";
const ALICE: &str = "629480052600fe9e9ca2db8759699a5606ceaad562b9d7f647d9469f39288058";
const WEB: &str = "d58e28524005ceff81781398a4ce3775e57521b28f98c987c4c06d7aa08b547a";
const AT: Timestamp = Timestamp::from_secs(1_795_336_231);

fn key_of(hex: &str) -> Key {
    let octets: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect();
    Key::new(A256, &octets).unwrap()
}

fn entry(text: &str, kvno: u32, hex: &str, rid: u32) -> PrincipalEntry {
    let keys = KeyVersion {
        kvno,
        keys: vec![EntryKey::salted(key_of(hex), "", None)],
    };
    let name = Principal::parse(text, Some("AD.EXAMPLE.TEST")).unwrap();
    let mut entry = PrincipalEntry::new(name, keys, Attributes::SERVICE);
    entry.identity = Some(Identity::new(rid));
    entry
}

fn domain() -> EmbeddedKdc {
    let policy = Policy {
        // Tickets live ten years there.
        max_life: HOUR * 24 * 3_650,
        domain: Some(Domain {
            sid: "S-1-5-21-3623811015-3361044348-30300820".parse().unwrap(),
            netbios_name: "AD".to_owned(),
        }),
        ..Policy::default()
    };
    let krbtgt = Arc::new(entry("krbtgt/AD.EXAMPLE.TEST", 1, KRBTGT, 502));
    let kdc = EmbeddedKdc::from_kdc(Kdc::new(krbtgt, policy, Arc::new(OsRandom)).unwrap());
    kdc.add(entry("alice", 2, ALICE, 1_103)).unwrap();
    kdc.add(entry("HTTP/web.ad.example.test", 2, WEB, 1_108))
        .unwrap();
    kdc
}

#[test]
fn kdc_12_recorded_as_requests() {
    let kdc = domain();
    let first = recorded!("alice-web/kdc/01-as-req.der");
    assert_eq!(refusal(&kdc.answer(first, AT).unwrap()).code.0, 25);
    let second = recorded!("alice-web/kdc/03-as-req.der");
    let reply = kdc.answer(second, AT).unwrap();
    let rep = AsRep::from_bytes(&reply).unwrap();
    let alice = key_of(ALICE);
    let plain = alice
        .decrypt(KeyUsage::AS_REP, rep.enc_part.cipher.0)
        .unwrap();
    let part = EncAsRepPart::from_bytes(&plain).unwrap();
    assert_eq!(part.authtime, AT.time());
    let late = AT.plus(Duration::from_secs(400));
    assert_eq!(refusal(&kdc.answer(second, late).unwrap()).code.0, 37);
    // alice's password was another.
    let wrong = recorded!("kdc-errors/wrong-password/03-as-req.der");
    assert_eq!(refusal(&kdc.answer(wrong, AT).unwrap()).code.0, 24);
}

#[test]
fn kdc_24_and_pac_20_a_recorded_tgs_request() {
    let kdc = domain();
    let request = recorded!("alice-web/kdc/05-tgs-req.der");
    let answer = kdc.serve(request, None, AT.plus(Duration::from_secs(1)));
    let reply = answer.reply.unwrap();
    assert_eq!(reply[0], 0x6d, "{:?}", answer.event.result);
    let rep = TgsRep::from_bytes(&reply).unwrap();
    let ticket = Ticket::from_bytes(rep.ticket.as_bytes()).unwrap();
    let web = key_of(WEB);
    let plain = web
        .decrypt(KeyUsage::TICKET, ticket.enc_part.cipher.0)
        .unwrap();
    let part = EncTicketPart::from_bytes(&plain).unwrap();

    // What the domain said is said again, signed anew.
    let theirs = EncTicketPart::from_bytes(recorded!("alice-web/enc_ticket_part.der")).unwrap();
    assert_eq!(part.authtime, theirs.authtime);
    assert_eq!(part.flags, theirs.flags);
    assert_eq!(part.endtime, theirs.endtime);
    let client = Principal::from_wire(&part.crealm, &part.cname).unwrap();
    let krbtgt = key_of(KRBTGT).mac(KeyUsage::NON_KERB_CKSUM).unwrap();
    let web = web.mac(KeyUsage::NON_KERB_CKSUM).unwrap();
    let verified = |part: &EncTicketPart<'_>| {
        let elements = part.authorization_data.clone().unwrap();
        let pac = Pac::parse(locate(&elements).unwrap().unwrap()).unwrap();
        pac.verify_evidence(&web, &krbtgt, part, &client, part.authtime)
            .unwrap()
    };
    let (ours, theirs) = (verified(&part), verified(&theirs));
    assert!(ours.types().eq(theirs.types()));
    for buffer in [
        BufferType::LOGON_INFO,
        BufferType::CLIENT_INFO,
        BufferType::UPN_DNS_INFO,
    ] {
        assert_eq!(ours.buffer(buffer), theirs.buffer(buffer), "{buffer:?}");
    }
}

#[test]
fn pac_27_a_recorded_tgt_of_another_account() {
    let kdc = domain();
    let alice = Principal::parse("alice@AD.EXAMPLE.TEST", None).unwrap();
    let renumbered = |e: &mut PrincipalEntry| e.identity = Some(Identity::new(1_104));
    kdc.alter(&alice, renumbered).unwrap();
    let request = recorded!("alice-web/kdc/05-tgs-req.der");
    let reply = kdc.answer(request, AT.plus(Duration::from_secs(1)));
    assert_eq!(refusal(&reply.unwrap()).code.0, 20);
}

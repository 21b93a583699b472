//! Samples of every type that pyasn1 encoded from the ASN.1 modules of impacket and of the RFCs.

use super::*;
use crate::time::{KerberosTime, seconds};

#[test]
fn msg_01_samples_of_another_encoder_come_out_as_they_went_in() {
    for sample in samples() {
        let what = format!("{}, {}", sample.name, sample.what);
        let again = reencode(&sample.name, &sample.der).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(again, sample.der, "{what}");
    }
}

/// The names of the optional fields that a value does not have.
macro_rules! absent {
    ($value:expr; $($field:ident)*) => {{
        let value = $value.unwrap();
        let mut absent = Vec::new();
        $(if value.$field.is_none() { absent.push(stringify!($field)); })*
        absent
    }};
}

fn absent(name: &str, octets: &[u8]) -> Vec<&'static str> {
    macro_rules! body {
        ($request:expr) => {
            absent!($request.unwrap().body(); cname sname from rtime addresses enc_authorization_data additional_tickets)
        };
    }
    macro_rules! reply_part {
        ($part:expr) => {
            absent!($part; key_expiration starttime renew_till caddr encrypted_pa_data)
        };
    }
    match name {
        "EncTicketPart" => {
            absent!(EncTicketPart::from_bytes(octets); starttime renew_till caddr authorization_data)
        }
        "Authenticator" => {
            absent!(Authenticator::from_bytes(octets); cksum subkey seq_number authorization_data)
        }
        "EncAPRepPart" => absent!(EncApRepPart::from_bytes(octets); subkey seq_number),
        "AS-REQ" => absent!(AsReq::from_bytes(octets); padata),
        "TGS-REQ" => absent!(TgsReq::from_bytes(octets); padata),
        "KDC-REQ-BODY" => {
            let request = tlv(
                0x6a,
                &sequence(&[
                    &field(1, &[2, 1, 5]),
                    &field(2, &[2, 1, 10]),
                    &field(4, octets),
                ]),
            );
            body!(AsReq::from_bytes(&request))
        }
        "AS-REP" => absent!(AsRep::from_bytes(octets); padata),
        "TGS-REP" => absent!(TgsRep::from_bytes(octets); padata),
        "EncASRepPart" => reply_part!(EncAsRepPart::from_bytes(octets)),
        "EncTGSRepPart" => reply_part!(EncTgsRepPart::from_bytes(octets)),
        "KRB-SAFE-BODY" => {
            absent!(from_der::<KrbSafeBody<'_>>("", octets); timestamp usec seq_number r_address)
        }
        "EncKrbPrivPart" => {
            absent!(EncKrbPrivPart::from_bytes(octets); timestamp usec seq_number r_address)
        }
        "EncKrbCredPart" => {
            absent!(EncKrbCredPart::from_bytes(octets); nonce timestamp usec s_address r_address)
        }
        "KrbCredInfo" => {
            absent!(from_der::<KrbCredInfo<'_>>("", octets);
                prealm pname flags authtime starttime endtime renew_till srealm sname caddr)
        }
        "KRB-ERROR" => {
            absent!(KrbError::from_bytes(octets); ctime cusec crealm cname e_text e_data)
        }
        "EncryptedData" => absent!(from_der::<EncryptedData<'_>>("", octets); kvno),
        "PA-ENC-TS-ENC" => absent!(from_der::<PaEncTsEnc>("", octets); pausec),
        "ETYPE-INFO-ENTRY" => absent!(from_der::<EtypeInfoEntry<'_>>("", octets); salt),
        "ETYPE-INFO2-ENTRY" => {
            absent!(from_der::<EtypeInfo2Entry<'_>>("", octets); salt s2kparams)
        }
        "AD-KDCIssued" => absent!(from_der::<AdKdcIssued<'_>>("", octets); i_realm i_sname),
        "AD-CAMMAC" => {
            absent!(from_der::<AdCammac<'_>>("", octets); kdc_verifier svc_verifier other_verifiers)
        }
        "Verifier-MAC" => absent!(from_der::<VerifierMac<'_>>("", octets); identifier kvno enctype),
        "TYPED-DATA-ELEMENT" => absent!(from_der::<TypedData<'_>>("", octets); data_value),
        "KERB-ERROR-DATA" => absent!(from_der::<KerbErrorData<'_>>("", octets); data_value),
        _ => vec![],
    }
}

/// Family "optional-field absence": each left out alone, each present alone, all left out.
#[test]
fn optional_fields_are_absent_exactly_where_they_were_left_out() {
    let mut left_out = 0;
    for sample in samples() {
        let found = absent(&sample.name, &sample.der);
        assert_eq!(found, sample.absent, "{}, {}", sample.name, sample.what);
        left_out += found.len();
    }
    assert!(left_out > 400, "{left_out}");
}

/// Family "optional-field absence": a field that is not optional is missed.
#[test]
fn fields_that_are_not_optional_are_missed() {
    for sample in samples() {
        if sample.what != "every field" || sample.der[0] & 0xe0 != 0x60 {
            continue;
        }
        let fields = fields(&sample.der);
        for n in 0..fields.len() {
            let mut rest: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
            let removed = rest.remove(n);
            let without = tlv(sample.der[0], &sequence(&rest));
            let optional = samples().iter().any(|other| {
                other.name == sample.name && other.absent.len() == 1 && other.der == without
            });
            assert_eq!(
                reencode(&sample.name, &without).is_ok(),
                optional,
                "{} without [{}]",
                sample.name,
                removed[0] & 0x1f
            );
        }
    }
}

/// Each field twice, and each in its neighbour's place: DER has one order.
#[test]
fn fields_are_taken_once_and_in_order() {
    for sample in samples() {
        if sample.what != "every field" || sample.der[0] & 0xe0 != 0x60 {
            continue;
        }
        let fields = fields(&sample.der);
        for n in 0..fields.len() {
            let mut twice = fields.clone();
            twice.insert(n, fields[n].clone());
            let all: Vec<&[u8]> = twice.iter().map(Vec::as_slice).collect();
            let octets = tlv(sample.der[0], &sequence(&all));
            assert!(
                reencode(&sample.name, &octets).is_err(),
                "{} {n}",
                sample.name
            );
            let mut swapped = fields.clone();
            swapped.swap(n, (n + 1) % fields.len());
            let all: Vec<&[u8]> = swapped.iter().map(Vec::as_slice).collect();
            let octets = tlv(sample.der[0], &sequence(&all));
            assert!(
                reencode(&sample.name, &octets).is_err(),
                "{} {n}",
                sample.name
            );
        }
        // A field of a number that the type does not have, in front and behind.
        let unknown = field(30, &[5, 0]);
        let mut all: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        all.push(&unknown);
        let octets = tlv(sample.der[0], &sequence(&all));
        assert!(reencode(&sample.name, &octets).is_err(), "{}", sample.name);
        all.rotate_right(1);
        let octets = tlv(sample.der[0], &sequence(&all));
        assert!(reencode(&sample.name, &octets).is_err(), "{}", sample.name);
    }
}

/// The fields of a message, each with its tag.
fn fields(message: &[u8]) -> Vec<Vec<u8>> {
    let inner = contents(contents(message).0).0;
    let mut rest = inner;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let after = contents(rest).1;
        all.push(rest[..rest.len() - after.len()].to_vec());
        rest = after;
    }
    all
}

/// The contents of the first element, and what follows it.
fn contents(octets: &[u8]) -> (&[u8], &[u8]) {
    let (len, at) = match octets[1] {
        0x81 => (usize::from(octets[2]), 3),
        0x82 => (usize::from(octets[2]) << 8 | usize::from(octets[3]), 4),
        short => (usize::from(short), 2),
    };
    (&octets[at..at + len], &octets[at + len..])
}

fn at(hour: u32, minute: u32, second: u32) -> KerberosTime {
    KerberosTime::from_secs(seconds(2026, 11, 22, hour, minute, second))
}

fn names(name: &PrincipalName<'_>) -> (i32, Vec<String>) {
    let parts = name.name_string.iter().map(|c| c.0.to_owned()).collect();
    (name.name_type.0, parts)
}

fn alice() -> (i32, Vec<String>) {
    (1, vec!["alice".into()])
}

fn web() -> (i32, Vec<String>) {
    (3, vec!["HTTP".into(), "www.example.com".into()])
}

fn assert_ticket(octets: &[u8]) {
    let ticket = Ticket::from_bytes(octets).unwrap();
    assert_eq!(ticket.tkt_vno, 5);
    assert_eq!(ticket.realm.0, "EXAMPLE.COM");
    assert_eq!(names(&ticket.sname), web());
    assert_eq!(ticket.enc_part.etype, 18);
    assert_eq!(ticket.enc_part.kvno, Some(UInt32(5)));
    assert_eq!(ticket.enc_part.cipher.0, b"a cipher text");
}

fn assert_key(key: &EncryptionKey<'_>) {
    assert_eq!(key.keytype, 18);
    assert_eq!(key.keyvalue.0, (0..32).collect::<Vec<u8>>());
}

fn assert_checksum(checksum: &Checksum<'_>) {
    assert_eq!(checksum.cksumtype, 16);
    assert_eq!(checksum.checksum.0, (0..12).collect::<Vec<u8>>());
}

fn assert_addresses(addresses: &[HostAddress<'_>]) {
    assert_eq!(addresses.len(), 2);
    assert_eq!(addresses[0].addr_type, AddrType::IPV4);
    assert_eq!(addresses[0].address.0, [192, 0, 2, 1]);
    assert_eq!(addresses[1].addr_type, AddrType::IPV6);
    assert_eq!(addresses[1].address.0.len(), 16);
}

fn assert_authdata(data: &[AuthorizationDataElement<'_>]) {
    assert_eq!(data.len(), 2);
    assert_eq!(data[0].ad_type, AdType::IF_RELEVANT);
    assert_eq!(data[0].ad_data.0, b"first");
    assert_eq!(data[1].ad_type, AdType(-5));
    assert_eq!(data[1].ad_data.0, b"");
}

fn assert_padata(data: &[PaData<'_>]) {
    assert_eq!(data.len(), 2);
    assert_eq!(data[0].padata_type, PaDataType::ENC_TIMESTAMP);
    assert_eq!(data[0].padata_value.0, b"pa");
    assert_eq!(data[1].padata_type, PaDataType::REQ_ENC_PA_REP);
}

#[test]
fn tickets_have_the_values_that_were_put_in() {
    assert_ticket(&full("Ticket"));
    let octets = full("EncTicketPart");
    let part = EncTicketPart::from_bytes(&octets).unwrap();
    let flags = TicketFlags::FORWARDABLE
        | TicketFlags::INITIAL
        | TicketFlags::PRE_AUTHENT
        | TicketFlags::TRANSITED_POLICY_CHECKED;
    assert_eq!(part.flags, flags);
    assert_key(&part.key);
    assert_eq!(part.crealm.0, "EXAMPLE.COM");
    assert_eq!(names(&part.cname), alice());
    assert_eq!(part.transited.tr_type, TrType::DOMAIN_X500_COMPRESS);
    assert_eq!(part.transited.contents.0, b"A.EXAMPLE,B.");
    assert_eq!(part.authtime, at(10, 0, 0));
    assert_eq!(part.starttime, Some(at(10, 0, 1)));
    assert_eq!(part.endtime, at(20, 0, 0));
    assert_eq!(part.renew_till, Some(at(22, 0, 0)));
    assert_addresses(&part.caddr.unwrap());
    assert_authdata(&part.authorization_data.unwrap());
}

#[test]
fn the_ap_exchange_has_the_values_that_were_put_in() {
    let octets = full("AP-REQ");
    let request = ApReq::from_bytes(&octets).unwrap();
    assert_eq!((request.pvno, request.msg_type), (5, 14));
    assert_eq!(
        request.ap_options,
        ApOptions::USE_SESSION_KEY | ApOptions::MUTUAL_REQUIRED
    );
    assert_eq!(request.ticket.as_bytes(), full("Ticket"));
    assert_eq!(request.authenticator.etype, 18);
    assert_eq!(request.authenticator.kvno, None);
    assert_eq!(request.authenticator.cipher.0, b"a cipher text");

    let octets = full("Authenticator");
    let authenticator = Authenticator::from_bytes(&octets).unwrap();
    assert_eq!(authenticator.authenticator_vno, 5);
    assert_eq!(authenticator.crealm.0, "EXAMPLE.COM");
    assert_eq!(names(&authenticator.cname), alice());
    assert_checksum(&authenticator.cksum.unwrap());
    assert_eq!(authenticator.cusec.get(), 482_913);
    assert_eq!(authenticator.ctime, at(10, 31, 7));
    assert_key(&authenticator.subkey.unwrap());
    assert_eq!(authenticator.seq_number, Some(UInt32(0x1234_5678)));
    assert_authdata(&authenticator.authorization_data.unwrap());

    let octets = full("AP-REP");
    let reply = ApRep::from_bytes(&octets).unwrap();
    assert_eq!((reply.pvno, reply.msg_type), (5, 15));
    assert_eq!(reply.enc_part.cipher.0, b"a cipher text");
    let octets = full("EncAPRepPart");
    let part = EncApRepPart::from_bytes(&octets).unwrap();
    assert_eq!((part.ctime, part.cusec.get()), (at(10, 31, 7), 482_913));
    assert_key(&part.subkey.unwrap());
    assert_eq!(part.seq_number, Some(UInt32(0x1234_5678)));
}

#[test]
fn the_kdc_exchanges_have_the_values_that_were_put_in() {
    let octets = full("AS-REQ");
    let request = AsReq::from_bytes(&octets).unwrap();
    assert_eq!((request.pvno, request.msg_type), (5, 10));
    assert_padata(request.padata.as_deref().unwrap());
    assert_eq!(request.req_body.as_bytes(), full("KDC-REQ-BODY"));
    let body = request.body().unwrap();
    assert_eq!(
        body.kdc_options,
        KdcOptions::FORWARDABLE | KdcOptions::RENEWABLE | KdcOptions::RENEWABLE_OK
    );
    assert_eq!(names(&body.cname.unwrap()), alice());
    assert_eq!(body.realm.0, "EXAMPLE.COM");
    assert_eq!(names(&body.sname.unwrap()), web());
    assert_eq!(body.from, Some(at(10, 0, 0)));
    assert_eq!(body.till, at(20, 0, 0));
    assert_eq!(body.rtime, Some(at(21, 0, 0)));
    assert_eq!(body.nonce, UInt32(u32::MAX));
    assert_eq!(body.etype, [18, 17, 20, -133]);
    assert_addresses(&body.addresses.unwrap());
    assert_eq!(body.enc_authorization_data.unwrap().kvno, None);
    for ticket in body.additional_tickets.unwrap() {
        assert_ticket(ticket.as_bytes());
    }

    let octets = full("TGS-REP");
    let reply = TgsRep::from_bytes(&octets).unwrap();
    assert_eq!((reply.pvno, reply.msg_type), (5, 13));
    assert_padata(&reply.padata.unwrap());
    assert_eq!(reply.crealm.0, "EXAMPLE.COM");
    assert_eq!(names(&reply.cname), alice());
    assert_ticket(reply.ticket.as_bytes());
    assert_eq!(reply.enc_part.kvno, None);

    let octets = full("EncASRepPart");
    let part = EncAsRepPart::from_bytes(&octets).unwrap();
    assert_key(&part.key);
    assert_eq!(part.last_req.len(), 2);
    assert_eq!(part.last_req[0].lr_type, LrType::NONE);
    assert_eq!(part.last_req[1].lr_type, LrType(-1));
    assert_eq!(part.last_req[1].lr_value.as_secs(), 2_147_483_648);
    assert_eq!(part.nonce, UInt32(0x8000_0000));
    assert_eq!(part.key_expiration.unwrap().as_secs(), 4_294_967_296);
    assert_eq!(part.flags.0, 0x4060_0001, "bit 31 has no name and survives");
    assert_eq!(part.authtime, at(10, 0, 0));
    assert_eq!(part.starttime, Some(at(10, 0, 1)));
    assert_eq!(part.endtime, at(20, 0, 0));
    assert_eq!(part.renew_till, Some(KerberosTime::LAST));
    assert_eq!(part.srealm.0, "EXAMPLE.COM");
    assert_eq!(names(&part.sname), web());
    assert_addresses(&part.caddr.unwrap());
    assert_padata(&part.encrypted_pa_data.unwrap());
}

#[test]
fn session_messages_and_errors_have_the_values_that_were_put_in() {
    let octets = full("KRB-SAFE");
    let safe = KrbSafe::from_bytes(&octets).unwrap();
    assert_eq!((safe.pvno, safe.msg_type), (5, 20));
    assert_checksum(&safe.cksum);
    let body: KrbSafeBody<'_> = from_der("KRB-SAFE-BODY", safe.safe_body.as_bytes()).unwrap();
    assert_eq!(body.user_data.0, b"hello");
    assert_eq!(body.timestamp, Some(at(10, 31, 7)));
    assert_eq!(body.usec, Microseconds::new(999_999));
    assert_eq!(body.seq_number, Some(UInt32(u32::MAX - 1)));
    assert_eq!(body.s_address.address.0, [192, 0, 2, 1]);
    assert_eq!(body.r_address.unwrap().addr_type, AddrType::IPV6);

    let octets = full("EncKrbPrivPart");
    let part = EncKrbPrivPart::from_bytes(&octets).unwrap();
    assert_eq!(part.user_data.0, b"hello");
    assert_eq!(part.usec, Microseconds::new(999_999));
    assert_eq!(part.seq_number, Some(UInt32(u32::MAX - 1)));

    let octets = full("KRB-CRED");
    let cred = KrbCred::from_bytes(&octets).unwrap();
    assert_eq!((cred.pvno, cred.msg_type), (5, 22));
    assert_eq!(cred.tickets.len(), 2);
    let octets = full("EncKrbCredPart");
    let part = EncKrbCredPart::from_bytes(&octets).unwrap();
    assert_eq!(part.nonce, Some(UInt32(7)));
    assert_eq!(part.usec, Microseconds::new(0));
    assert_eq!(part.ticket_info.len(), 2);
    let info = &part.ticket_info[1];
    assert_key(&info.key);
    assert_eq!(info.prealm.unwrap().0, "EXAMPLE.COM");
    assert_eq!(names(info.pname.as_ref().unwrap()), alice());
    assert_eq!(
        info.flags,
        Some(TicketFlags::FORWARDABLE | TicketFlags::FORWARDED)
    );
    assert_eq!(info.authtime, Some(at(0, 0, 1)));
    assert_eq!(info.starttime, Some(at(0, 0, 2)));
    assert_eq!(info.endtime, Some(at(0, 0, 3)));
    assert_eq!(info.renew_till, Some(at(0, 0, 4)));
    assert_eq!(names(info.sname.as_ref().unwrap()), web());

    let octets = full("KRB-ERROR");
    let error = KrbError::from_bytes(&octets).unwrap();
    assert_eq!((error.pvno, error.msg_type), (5, 30));
    assert_eq!(error.ctime, Some(at(10, 31, 7)));
    assert_eq!(error.cusec, Microseconds::new(1));
    assert_eq!((error.stime, error.susec.get()), (at(10, 31, 8), 2));
    assert_eq!(error.error_code, ErrorCode::KRB_ERR_GENERIC);
    assert_eq!(error.crealm.unwrap().0, "EXAMPLE.COM");
    assert_eq!(names(&error.cname.unwrap()), alice());
    assert_eq!(names(&error.sname), web());
    assert_eq!(error.e_text.unwrap().0, "some text");
    assert_eq!(error.e_data.unwrap().0, b"some data");
}

#[test]
fn authorization_data_has_the_values_that_were_put_in() {
    let octets = full("AD-CAMMAC");
    let cammac: AdCammac<'_> = from_der("AD-CAMMAC", &octets).unwrap();
    let elements: AuthorizationData<'_> = from_der("elements", cammac.elements.as_bytes()).unwrap();
    assert_authdata(&elements);
    let mac = cammac.svc_verifier.unwrap();
    assert_eq!(names(&mac.identifier.unwrap()), web());
    assert_eq!((mac.kvno, mac.enctype), (Some(UInt32(7)), Some(18)));
    assert_checksum(&mac.mac);
    assert_eq!(cammac.other_verifiers.unwrap().len(), 2);

    let octets = full("AD-KDCIssued");
    let issued: AdKdcIssued<'_> = from_der("AD-KDCIssued", &octets).unwrap();
    assert_checksum(&issued.ad_checksum);
    assert_eq!(issued.i_realm.unwrap().0, "EXAMPLE.COM");
    let octets = full("AD-AND-OR");
    let and_or: AdAndOr<'_> = from_der("AD-AND-OR", &octets).unwrap();
    assert_eq!(and_or.condition_count, 2);
}

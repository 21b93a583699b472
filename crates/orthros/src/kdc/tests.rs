//! Requests built by hand with the wire types, and what the KDC makes of them.

mod as_exchange;
mod hostile;
mod privileges;
mod recorded;
mod tgs_exchange;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::crypto::{Checksum, KeyUsage};
use crate::random::OsRandom;
use crate::secret::Secret;
use crate::wire::primitive::{from_der, to_der};
use crate::wire::{
    self, AddrType, ApOptions, ApReq, AsRep, AsReq, Authenticator, EncAsRepPart, EncKdcRepPart,
    EncTgsRepPart, EncTicketPart, EncryptedData, EncryptionKey, HostAddress, KRB5_PVNO, KdcOptions,
    KdcRep, KdcReq, KdcReqBody, KrbError, Message, Microseconds, MsgType, OctetString, PaData,
    PaDataType, PaEncTsEnc, Raw, TgsRep, TgsReq, Ticket, UInt32,
};

const REALM: &str = "R.TEST";
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_250_000);
const A128: Enctype = Enctype::AES128_CTS_HMAC_SHA1_96;
const A256: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;
const HOUR: Duration = Duration::from_secs(3_600);

fn name(text: &str) -> Principal {
    Principal::parse(text, Some(REALM)).unwrap()
}

fn after(seconds: u64) -> KerberosTime {
    NOW.time().plus(Duration::from_secs(seconds))
}

/// alice with the password `secret`, and HTTP/web.
fn realm() -> EmbeddedKdc {
    let kdc = EmbeddedKdc::new(REALM, Policy::default(), Arc::new(OsRandom)).unwrap();
    kdc.add_user(name("alice"), &Secret::from("secret"))
        .unwrap();
    kdc.add_service(name("HTTP/web")).unwrap();
    kdc
}

fn key(kdc: &EmbeddedKdc, who: &str, enctype: Enctype) -> Key {
    let entry = kdc.entry(&name(who)).unwrap();
    entry
        .newest()
        .unwrap()
        .of(enctype)
        .unwrap()
        .key()
        .unwrap()
        .clone()
}

/// A KDC-REQ-BODY and the padata beside it.
#[derive(Clone)]
struct Req {
    pvno: i32,
    msg_type: MsgType,
    options: KdcOptions,
    cname: Option<Principal>,
    realm: String,
    sname: Option<Principal>,
    from: Option<KerberosTime>,
    till: KerberosTime,
    rtime: Option<KerberosTime>,
    etype: Vec<i32>,
    address: Option<[u8; 4]>,
    authdata: Option<(i32, Vec<u8>)>,
    additional: Vec<Vec<u8>>,
    padata: Vec<(PaDataType, Vec<u8>)>,
}

/// An AS-REQ of alice for the ticket-granting service, ten hours, without pre-authentication.
fn as_req() -> Req {
    Req {
        pvno: KRB5_PVNO,
        msg_type: MsgType::AS_REQ,
        options: KdcOptions::NONE,
        cname: Some(name("alice")),
        realm: REALM.to_owned(),
        sname: Some(Principal::krbtgt(REALM).unwrap()),
        from: None,
        till: after(10 * 3_600),
        rtime: None,
        etype: vec![A128.0],
        address: None,
        authdata: None,
        additional: Vec::new(),
        padata: Vec::new(),
    }
}

/// A TGS-REQ for HTTP/web; the PA-TGS-REQ is put in by [`Tgs`].
fn tgs_req() -> Req {
    Req {
        msg_type: MsgType::TGS_REQ,
        cname: None,
        sname: Some(name("HTTP/web")),
        ..as_req()
    }
}

impl Req {
    fn body(&self) -> Vec<u8> {
        let addresses = self.address.as_ref().map(|address| {
            vec![HostAddress {
                addr_type: AddrType::IPV4,
                address: OctetString(address),
            }]
        });
        let body = KdcReqBody {
            kdc_options: self.options,
            cname: self.cname.as_ref().map(Principal::to_wire),
            realm: wire::KerberosString(&self.realm),
            sname: self.sname.as_ref().map(Principal::to_wire),
            from: self.from,
            till: self.till,
            rtime: self.rtime,
            nonce: UInt32(0x7eed_beef),
            etype: self.etype.clone(),
            addresses,
            enc_authorization_data: self.authdata.as_ref().map(|(etype, cipher)| EncryptedData {
                etype: *etype,
                kvno: None,
                cipher: OctetString(cipher),
            }),
            additional_tickets: (!self.additional.is_empty()).then(|| {
                self.additional
                    .iter()
                    .map(|t| Raw::new(t).unwrap())
                    .collect()
            }),
        };
        to_der("KDC-REQ-BODY", &body).unwrap()
    }

    fn around(&self, body: &[u8]) -> Vec<u8> {
        let padata: Vec<_> = self
            .padata
            .iter()
            .map(|(padata_type, value)| PaData {
                padata_type: *padata_type,
                padata_value: OctetString(value),
            })
            .collect();
        let req = KdcReq {
            pvno: self.pvno,
            msg_type: self.msg_type.0,
            padata: (!padata.is_empty()).then_some(padata),
            req_body: Raw::new(body).unwrap(),
        };
        match self.cname.is_some() || self.msg_type == MsgType::AS_REQ {
            true => AsReq::to_bytes(&req).unwrap(),
            false => TgsReq::to_bytes(&req).unwrap(),
        }
    }

    fn octets(&self) -> Vec<u8> {
        self.around(&self.body())
    }

    /// With a timestamp under alice's key.
    fn preauthenticated(mut self, key: &Key, at: Timestamp) -> Self {
        let stamp = PaEncTsEnc {
            patimestamp: at.time(),
            pausec: Some(at.into()),
        };
        let plain = to_der("PA-ENC-TS-ENC", &stamp).unwrap();
        let cipher = key
            .encrypt(KeyUsage::PA_ENC_TIMESTAMP, &plain, &OsRandom)
            .unwrap();
        let sealed = EncryptedData {
            etype: key.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        };
        let value = to_der("EncryptedData", &sealed).unwrap();
        self.padata.push((PaDataType::ENC_TIMESTAMP, value));
        self
    }
}

/// A KRB-ERROR.
#[derive(Debug)]
struct Refusal {
    code: ErrorCode,
    sname: String,
    e_data: Option<Vec<u8>>,
}

/// A KDC-REP, opened by the client.
struct Granted {
    octets: Vec<u8>,
    part: Vec<u8>,
    ticket: Vec<u8>,
    client: Principal,
    session_key: Key,
    padata: Vec<(PaDataType, Vec<u8>)>,
    enc_kvno: Option<u32>,
    enc_etype: i32,
}

impl Granted {
    fn part(&self) -> EncKdcRepPart<'_> {
        match self.octets[0] & 0x1f {
            11 => EncAsRepPart::from_bytes(&self.part).unwrap(),
            _ => EncTgsRepPart::from_bytes(&self.part).unwrap(),
        }
    }

    fn flags(&self) -> TicketFlags {
        self.part().flags
    }

    /// The ticket's sealed part, which says what the reply says.
    fn open_ticket(&self, key: &Key) -> Vec<u8> {
        let ticket = Ticket::from_bytes(&self.ticket).unwrap();
        assert_eq!(ticket.enc_part.etype, key.enctype().0);
        let plain = key
            .decrypt(KeyUsage::TICKET, ticket.enc_part.cipher.0)
            .unwrap();
        let sealed = EncTicketPart::from_bytes(&plain).unwrap();
        let part = self.part();
        assert_eq!(sealed.flags, part.flags);
        assert_eq!(sealed.key.keyvalue, part.key.keyvalue);
        assert_eq!(
            (
                sealed.authtime,
                sealed.starttime,
                sealed.endtime,
                sealed.renew_till
            ),
            (part.authtime, part.starttime, part.endtime, part.renew_till)
        );
        assert_eq!(sealed.caddr, part.caddr);
        assert!(self.client.matches(&sealed.crealm, &sealed.cname));
        plain
    }
}

fn refusal(octets: &[u8]) -> Refusal {
    let error = KrbError::from_bytes(octets).unwrap();
    Refusal {
        code: error.error_code,
        sname: Principal::from_wire(&error.realm, &error.sname)
            .map_or_else(|_| "?".to_owned(), |p| p.to_string()),
        e_data: error.e_data.map(|data| data.0.to_vec()),
    }
}

fn granted(octets: &[u8], key: &Key, usage: KeyUsage) -> Result<Granted, Refusal> {
    let rep: KdcRep<'_> = match octets[0] & 0x1f {
        30 => return Err(refusal(octets)),
        11 => AsRep::from_bytes(octets).unwrap(),
        _ => TgsRep::from_bytes(octets).unwrap(),
    };
    let part = key.decrypt(usage, rep.enc_part.cipher.0).unwrap();
    let decoded = match octets[0] & 0x1f {
        11 => {
            assert_eq!(part[0], 0x79, "EncASRepPart is [APPLICATION 25]");
            EncAsRepPart::from_bytes(&part).unwrap()
        }
        _ => EncTgsRepPart::from_bytes(&part).unwrap(),
    };
    assert_eq!(decoded.nonce.0, 0x7eed_beef);
    let session = Key::new(Enctype(decoded.key.keytype), decoded.key.keyvalue.0).unwrap();
    Ok(Granted {
        octets: octets.to_vec(),
        ticket: rep.ticket.as_bytes().to_vec(),
        client: Principal::from_wire(&rep.crealm, &rep.cname).unwrap(),
        session_key: session,
        padata: rep
            .padata
            .iter()
            .flatten()
            .map(|pa| (pa.padata_type, pa.padata_value.0.to_vec()))
            .collect(),
        enc_kvno: rep.enc_part.kvno.map(|kvno| kvno.0),
        enc_etype: rep.enc_part.etype,
        part,
    })
}

/// Asks with a good timestamp; the reply is under the client's key of the first enctype listed.
fn ask_as(kdc: &EmbeddedKdc, req: &Req, now: Timestamp) -> Result<Granted, Refusal> {
    let client = req.cname.as_ref().unwrap();
    let entry = kdc.entry(client).unwrap();
    let key = entry.newest().unwrap().of(Enctype(req.etype[0]));
    let key = key.unwrap().key().unwrap();
    let octets = req.clone().preauthenticated(key, now).octets();
    granted(&kdc.answer(&octets, now).unwrap(), key, KeyUsage::AS_REP)
}

/// The code of a request that is refused.
fn code(kdc: &EmbeddedKdc, req: &[u8]) -> ErrorCode {
    refusal(&kdc.answer(req, NOW).unwrap()).code
}

/// Makes the type and the octets of a checksum of the body with the session key.
type MakeCksum = fn(&Key, &[u8]) -> (i32, Vec<u8>);

/// What goes into a PA-TGS-REQ.
struct Tgs<'a> {
    tgt: &'a Granted,
    now: Timestamp,
    subkey: Option<Key>,
    /// Makes the checksum of the body; `None`: there is none.
    cksum: Option<MakeCksum>,
    peer: Option<HostAddr>,
}

fn good_cksum(session: &Key, body: &[u8]) -> (i32, Vec<u8>) {
    let mac = session.mac(KeyUsage::TGS_REQ_AUTHENTICATOR_CKSUM).unwrap();
    let checksum: Checksum = mac.checksum(&[body]);
    (mac.checksum_type().0, checksum.to_vec())
}

impl<'a> Tgs<'a> {
    fn by(tgt: &'a Granted) -> Self {
        Self {
            tgt,
            now: NOW,
            subkey: None,
            cksum: Some(good_cksum),
            peer: None,
        }
    }

    fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    fn with_subkey(self, subkey: Key) -> Self {
        Self {
            subkey: Some(subkey),
            ..self
        }
    }

    fn pa_tgs_req(&self, body: &[u8]) -> Vec<u8> {
        let session = &self.tgt.session_key;
        let cksum = self.cksum.map(|make| make(session, body));
        let authenticator = Authenticator {
            authenticator_vno: KRB5_PVNO,
            crealm: self.tgt.client.realm_to_wire(),
            cname: self.tgt.client.to_wire(),
            cksum: cksum.as_ref().map(|(cksumtype, octets)| wire::Checksum {
                cksumtype: *cksumtype,
                checksum: OctetString(octets),
            }),
            cusec: Microseconds::from(self.now),
            ctime: self.now.time(),
            subkey: self.subkey.as_ref().map(|key| EncryptionKey {
                keytype: key.enctype().0,
                keyvalue: OctetString(key.expose()),
            }),
            seq_number: None,
            authorization_data: None,
        };
        let plain = authenticator.to_bytes().unwrap();
        let usage = KeyUsage::TGS_REQ_AUTHENTICATOR;
        let cipher = session.encrypt(usage, &plain, &OsRandom).unwrap();
        ApReq {
            pvno: KRB5_PVNO,
            msg_type: MsgType::AP_REQ.0,
            ap_options: ApOptions::NONE,
            ticket: Raw::new(&self.tgt.ticket).unwrap(),
            authenticator: EncryptedData {
                etype: session.enctype().0,
                kvno: None,
                cipher: OctetString(&cipher),
            },
        }
        .to_bytes()
        .unwrap()
    }

    fn octets(&self, req: &Req) -> Vec<u8> {
        let body = req.body();
        let mut req = req.clone();
        let header = (PaDataType::TGS_REQ, self.pa_tgs_req(&body));
        req.padata.insert(0, header);
        req.around(&body)
    }

    fn ask(&self, kdc: &EmbeddedKdc, req: &Req) -> Result<Granted, Refusal> {
        let reply = kdc.serve(&self.octets(req), self.peer.as_ref(), self.now);
        let reply = reply.reply.unwrap();
        match &self.subkey {
            Some(subkey) => granted(&reply, subkey, KeyUsage::TGS_REP_SUBKEY),
            None => granted(&reply, &self.tgt.session_key, KeyUsage::TGS_REP_SESSION_KEY),
        }
    }

    fn code(&self, kdc: &EmbeddedKdc, req: &Req) -> i32 {
        match self.ask(kdc, req) {
            Ok(_) => 0,
            Err(refusal) => refusal.code.0,
        }
    }
}

/// A TGT of alice with these options.
fn tgt(kdc: &EmbeddedKdc, options: KdcOptions) -> Granted {
    let req = Req {
        options,
        ..as_req()
    };
    ask_as(kdc, &req, NOW).unwrap()
}

fn alter(kdc: &EmbeddedKdc, who: &str, change: impl FnOnce(&mut PrincipalEntry)) {
    kdc.alter(&name(who), change).unwrap();
}

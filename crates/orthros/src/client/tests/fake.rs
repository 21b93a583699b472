//! A KDC's answer, open to be changed before it is sealed.

use crate::crypto::{Enctype, Key, KeyUsage};
use crate::random::OsRandom;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    AddrType, AsRep, AsReq, Checksum, EncAsRepPart, EncKdcRepPart, EncTgsRepPart, EncryptedData,
    EncryptionKey, ErrorCode, EtypeInfo2Entry, HostAddress, KdcOptions, KdcRep, KdcReq, KdcReqBody,
    KerberosString, KrbError, LastReq, LrType, Message, Microseconds, NameType, OctetString,
    PaData, PaDataType, PaEncTsEnc, PrincipalName, Raw, TgsRep, TgsReq, Ticket, TicketFlags,
    UInt32, primitive,
};

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A name as the wire has it, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) realm: String,
    pub(super) components: Vec<String>,
}

impl Name {
    pub(super) fn new(realm: &str, components: &[&str]) -> Self {
        Self {
            realm: realm.to_owned(),
            components: components.iter().map(|c| (*c).to_owned()).collect(),
        }
    }

    fn of(realm: &KerberosString<'_>, name: &PrincipalName<'_>) -> Self {
        Self {
            realm: realm.0.to_owned(),
            components: name.name_string.iter().map(|c| c.0.to_owned()).collect(),
        }
    }

    fn wire(&self) -> PrincipalName<'_> {
        PrincipalName {
            name_type: NameType::PRINCIPAL,
            name_string: self.components.iter().map(|c| KerberosString(c)).collect(),
        }
    }

    fn realm(&self) -> KerberosString<'_> {
        KerberosString(&self.realm)
    }
}

/// Everything in a KDC-REP, to be changed at will.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) message: u8,
    pub(super) pvno: i32,
    pub(super) msg_type: i32,
    pub(super) padata: Vec<(PaDataType, Vec<u8>)>,
    pub(super) client: Name,
    pub(super) tkt_vno: i32,
    pub(super) ticket: Name,
    pub(super) etype: i32,
    pub(super) key: Key,
    pub(super) usage: KeyUsage,
    pub(super) part_tag: u8,
    pub(super) session: Key,
    pub(super) session_type: i32,
    pub(super) nonce: u32,
    pub(super) flags: TicketFlags,
    pub(super) authtime: KerberosTime,
    pub(super) starttime: Option<KerberosTime>,
    pub(super) endtime: KerberosTime,
    pub(super) renew_till: Option<KerberosTime>,
    pub(super) server: Name,
    pub(super) caddr: Vec<(AddrType, Vec<u8>)>,
    pub(super) encrypted_padata: Vec<(PaDataType, Vec<u8>)>,
}

fn padata<'a>(list: &'a [(PaDataType, Vec<u8>)]) -> Option<Vec<PaData<'a>>> {
    let elements = list.iter().map(|(padata_type, value)| PaData {
        padata_type: *padata_type,
        padata_value: OctetString(value),
    });
    (!list.is_empty()).then(|| elements.collect())
}

impl Answer {
    /// The genuine answer to an AS-REQ, sealed with the client's key.
    pub(super) fn to_as(request: &[u8], key: &Key) -> Self {
        let req = AsReq::from_bytes(request).unwrap();
        let body = req.body().unwrap();
        let client = Name::of(&body.realm, body.cname.as_ref().unwrap());
        let mac = key.mac(KeyUsage::REQ_ENC_PA_REP).unwrap();
        let seen = primitive::to_der(
            "Checksum",
            &Checksum {
                cksumtype: mac.checksum_type().0,
                checksum: OctetString(&mac.checksum(&[request])),
            },
        )
        .unwrap();
        let salt = EtypeInfo2Entry {
            etype: key.enctype().0,
            salt: Some(KerberosString("the salt")),
            s2kparams: None,
        };
        let salt = primitive::to_der("ETYPE-INFO2", &vec![salt]).unwrap();
        Self {
            message: 11,
            msg_type: 11,
            padata: vec![(PaDataType::ETYPE_INFO2, salt)],
            client,
            flags: granted(body.kdc_options)
                | TicketFlags::INITIAL
                | TicketFlags::PRE_AUTHENT
                | TicketFlags::ENC_PA_REP,
            encrypted_padata: vec![
                (PaDataType::REQ_ENC_PA_REP, seen),
                (PaDataType::FX_FAST, Vec::new()),
            ],
            ..Self::to(&body, key.clone(), KeyUsage::AS_REP)
        }
    }

    /// The genuine answer to a TGS-REQ of `client`, sealed with `key` under `usage`.
    pub(super) fn to_tgs(request: &[u8], client: Name, key: Key, usage: KeyUsage) -> Self {
        let req = TgsReq::from_bytes(request).unwrap();
        let body = req.body().unwrap();
        Self {
            message: 13,
            msg_type: 13,
            client,
            part_tag: 26,
            flags: granted(body.kdc_options) | TicketFlags::PRE_AUTHENT,
            ..Self::to(&body, key, usage)
        }
    }

    fn to(body: &KdcReqBody<'_>, key: Key, usage: KeyUsage) -> Self {
        let server = Name::of(&body.realm, body.sname.as_ref().unwrap());
        let till = match body.till {
            KerberosTime::EPOCH => NOW.time().plus(std::time::Duration::from_secs(36_000)),
            till => till,
        };
        let session = Key::random(Enctype(body.etype[0]), &OsRandom).unwrap();
        Self {
            message: 11,
            pvno: 5,
            msg_type: 11,
            padata: Vec::new(),
            client: server.clone(),
            tkt_vno: 5,
            ticket: server.clone(),
            etype: key.enctype().0,
            key,
            usage,
            part_tag: 25,
            session_type: session.enctype().0,
            session,
            nonce: body.nonce.0,
            flags: TicketFlags::NONE,
            authtime: NOW.time(),
            starttime: body.from.or(Some(NOW.time())),
            endtime: till,
            renew_till: body.rtime,
            server,
            caddr: body
                .addresses
                .iter()
                .flatten()
                .map(|a| (a.addr_type, a.address.0.to_vec()))
                .collect(),
            encrypted_padata: Vec::new(),
        }
    }

    /// The message.
    pub(super) fn octets(&self) -> Vec<u8> {
        let ticket = Ticket {
            tkt_vno: self.tkt_vno,
            realm: self.ticket.realm(),
            sname: self.ticket.wire(),
            enc_part: EncryptedData {
                etype: 18,
                kvno: Some(UInt32(1)),
                cipher: OctetString(&[7; 60]),
            },
        };
        let ticket = ticket.to_bytes().unwrap();
        let addresses = self.caddr.iter().map(|(addr_type, address)| HostAddress {
            addr_type: *addr_type,
            address: OctetString(address),
        });
        let part = EncKdcRepPart {
            key: EncryptionKey {
                keytype: self.session_type,
                keyvalue: OctetString(self.session.expose()),
            },
            last_req: vec![LastReq {
                lr_type: LrType::NONE,
                lr_value: self.authtime,
            }],
            nonce: UInt32(self.nonce),
            key_expiration: None,
            flags: self.flags,
            authtime: self.authtime,
            starttime: self.starttime,
            endtime: self.endtime,
            renew_till: self.renew_till,
            srealm: self.server.realm(),
            sname: self.server.wire(),
            caddr: (!self.caddr.is_empty()).then(|| addresses.collect()),
            encrypted_pa_data: padata(&self.encrypted_padata),
        };
        let part = match self.part_tag {
            25 => EncAsRepPart::to_bytes(&part),
            26 => EncTgsRepPart::to_bytes(&part),
            other => part.to_bytes_tagged(other),
        };
        let cipher = self
            .key
            .encrypt(self.usage, &part.unwrap(), &OsRandom)
            .unwrap();
        let rep = KdcRep {
            pvno: self.pvno,
            msg_type: self.msg_type,
            padata: padata(&self.padata),
            crealm: self.client.realm(),
            cname: self.client.wire(),
            ticket: Raw::new(&ticket).unwrap(),
            enc_part: EncryptedData {
                etype: self.etype,
                kvno: None,
                cipher: OctetString(&cipher),
            },
        };
        match self.message {
            11 => AsRep::to_bytes(&rep).unwrap(),
            _ => TgsRep::to_bytes(&rep).unwrap(),
        }
    }
}

/// The flags that a liberal KDC sets for these options.
fn granted(options: KdcOptions) -> TicketFlags {
    [
        (KdcOptions::FORWARDABLE, TicketFlags::FORWARDABLE),
        (KdcOptions::FORWARDED, TicketFlags::FORWARDED),
        (KdcOptions::PROXIABLE, TicketFlags::PROXIABLE),
        (KdcOptions::POSTDATED, TicketFlags::POSTDATED),
        (KdcOptions::POSTDATED, TicketFlags::INVALID),
        (KdcOptions::RENEWABLE, TicketFlags::RENEWABLE),
    ]
    .into_iter()
    .filter(|(option, _)| options.contains(*option))
    .fold(TicketFlags::NONE, |flags, (_, flag)| flags | flag)
}

/// A KRB-ERROR of `realm`.
pub(super) fn error(code: ErrorCode, realm: &str, e_data: Option<&[u8]>) -> Vec<u8> {
    error_about(code, realm, None, e_data)
}

/// A KRB-ERROR that names the client's realm.
pub(super) fn error_about(
    code: ErrorCode,
    realm: &str,
    crealm: Option<&str>,
    e_data: Option<&[u8]>,
) -> Vec<u8> {
    let sname = Name::new(realm, &["krbtgt", realm]);
    let error = KrbError {
        pvno: 5,
        msg_type: 30,
        ctime: None,
        cusec: None,
        stime: NOW.time().plus(std::time::Duration::from_secs(3_600)),
        susec: Microseconds::new(7).unwrap(),
        error_code: code,
        crealm: crealm.map(KerberosString),
        cname: None,
        realm: sname.realm(),
        sname: sname.wire(),
        e_text: Some(crate::wire::ErrorText("text")),
        e_data: e_data.map(OctetString),
    };
    error.to_bytes().unwrap()
}

/// METHOD-DATA.
pub(super) fn method_data(list: &[(PaDataType, Vec<u8>)]) -> Vec<u8> {
    let elements = list
        .iter()
        .map(|(padata_type, value)| PaData {
            padata_type: *padata_type,
            padata_value: OctetString(value),
        })
        .collect::<Vec<_>>();
    primitive::to_der("METHOD-DATA", &elements).unwrap()
}

/// The value of a PA-DATA of a KDC-REQ.
pub(super) fn sent(request: &KdcReq<'_>, padata_type: PaDataType) -> Option<Vec<u8>> {
    let padata = request.padata.as_deref().unwrap_or_default();
    padata
        .iter()
        .find(|element| element.padata_type == padata_type)
        .map(|element| element.padata_value.0.to_vec())
}

/// The time in the PA-ENC-TIMESTAMP of an AS-REQ (KDC-05: under key usage 1).
pub(super) fn open_timestamp(request: &[u8], key: &Key) -> Timestamp {
    let request = AsReq::from_bytes(request).unwrap();
    let sealed = sent(&request, PaDataType::ENC_TIMESTAMP).expect("a timestamp was sent");
    let sealed: EncryptedData<'_> = primitive::from_der("EncryptedData", &sealed).unwrap();
    assert_eq!(sealed.etype, key.enctype().0);
    let time = key.decrypt(KeyUsage(1), sealed.cipher.0).unwrap();
    let time: PaEncTsEnc = primitive::from_der("PA-ENC-TS-ENC", &time).unwrap();
    Timestamp::new(time.patimestamp, time.pausec.unwrap().get())
}

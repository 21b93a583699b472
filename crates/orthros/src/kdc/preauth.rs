//! Pre-authentication by an encrypted timestamp (RFC 4120 §5.2.7.2), and the hints for it.

use super::{EntryKey, Kdc, PrincipalEntry, Refused};
use crate::crypto::{Enctype, KeyUsage};
use crate::error::{Error, Rejection};
use crate::time::Timestamp;
use crate::wire::primitive::{from_der, to_der};
use crate::wire::{
    EncryptedData, ErrorCode, EtypeInfo2Entry, EtypeInfoEntry, KerberosString, Malformed,
    OctetString, PaData, PaDataType, PaEncTsEnc,
};

/// Whether PA-ETYPE-INFO is left out because the client knows its successor (KDC-13).
fn knows_newer(etypes: &[i32]) -> bool {
    etypes
        .iter()
        .any(|number| *number > 0 && Enctype(*number).is_newer())
}

/// The values of PA-ETYPE-INFO2 and, for a client of before RFC 4120, of PA-ETYPE-INFO (KDC-13).
/// There is never a PA-PW-SALT: clients that need one list no enctype of ours.
pub(super) fn etype_info(
    keys: &[&EntryKey],
    etypes: &[i32],
) -> Result<Vec<(PaDataType, Vec<u8>)>, Malformed> {
    let info2: Vec<_> = keys
        .iter()
        .map(|key| EtypeInfo2Entry {
            etype: key.enctype().0,
            salt: key.salt().map(KerberosString),
            s2kparams: key.s2kparams().map(OctetString),
        })
        .collect();
    let mut out = vec![(PaDataType::ETYPE_INFO2, to_der("ETYPE-INFO2", &info2)?)];
    if !knows_newer(etypes) {
        let info: Vec<_> = keys
            .iter()
            .map(|key| EtypeInfoEntry {
                etype: key.enctype().0,
                salt: key.salt().map(|salt| OctetString(salt.as_bytes())),
            })
            .collect();
        out.push((PaDataType::ETYPE_INFO, to_der("ETYPE-INFO", &info)?));
    }
    Ok(out)
}

/// The METHOD-DATA that says how to pre-authenticate: for each key that the client could use, in
/// the client's order, how to make it.
fn method_data(kdc: &Kdc, client: &PrincipalEntry, etypes: &[i32]) -> Result<Vec<u8>, Malformed> {
    let keys: Vec<_> = client_keys(kdc, client, etypes).collect();
    let mut values = etype_info(&keys, etypes)?;
    values.push((PaDataType::ENC_TIMESTAMP, Vec::new()));
    let methods: Vec<_> = values
        .iter()
        .map(|(padata_type, value)| PaData {
            padata_type: *padata_type,
            padata_value: OctetString(value),
        })
        .collect();
    to_der("METHOD-DATA", &methods)
}

/// The client's keys of the enctypes it lists, in its order (KDC-14).
pub(super) fn client_keys<'e>(
    kdc: &'e Kdc,
    client: &'e PrincipalEntry,
    etypes: &'e [i32],
) -> impl Iterator<Item = &'e EntryKey> {
    etypes
        .iter()
        .enumerate()
        // A number listed twice gives one hint.
        .filter(|(n, number)| etypes.iter().take(*n).all(|earlier| earlier != *number))
        .map(|(_, number)| Enctype(*number))
        .filter(|enctype| kdc.policy.permits(*enctype))
        .filter_map(|enctype| client.newest()?.of(enctype))
}

/// Refuses with the hints as e-data (KDC-12, MSG-15).
fn refuse(
    kdc: &Kdc,
    client: &PrincipalEntry,
    etypes: &[i32],
    code: ErrorCode,
    why: &str,
) -> Refused {
    Refused {
        e_data: method_data(kdc, client, etypes).ok(),
        ..Refused::new(code, why)
    }
}

/// Judges the pre-authentication of an AS-REQ: whether the client has shown that it knows its key
/// (KDC-12). Types that are not known are ignored (KDC-43).
pub(super) fn authenticate(
    kdc: &Kdc,
    client: &PrincipalEntry,
    padata: &[PaData<'_>],
    etypes: &[i32],
    now: Timestamp,
) -> Result<bool, Refused> {
    let stamp = padata
        .iter()
        .find(|pa| pa.padata_type == PaDataType::ENC_TIMESTAMP);
    match stamp {
        Some(stamp) => {
            enc_timestamp(kdc, client, stamp.padata_value.0, etypes, now)?;
            Ok(true)
        }
        None if client.attributes.requires_preauth => Err(refuse(
            kdc,
            client,
            etypes,
            ErrorCode::KDC_ERR_PREAUTH_REQUIRED,
            "pre-authentication is required",
        )),
        None => Ok(false),
    }
}

fn enc_timestamp(
    kdc: &Kdc,
    client: &PrincipalEntry,
    value: &[u8],
    etypes: &[i32],
    now: Timestamp,
) -> Result<(), Refused> {
    let failed = |why| {
        let code = ErrorCode::KDC_ERR_PREAUTH_FAILED;
        refuse(kdc, client, etypes, code, why)
    };
    let sealed: EncryptedData<'_> = from_der("PA-ENC-TIMESTAMP", value)
        .map_err(|_| failed("PA-ENC-TIMESTAMP is not an EncryptedData"))?;
    let enctype = Enctype(sealed.etype);
    let key = client
        .newest()
        .and_then(|keys| keys.of(enctype))
        .filter(|_| kdc.policy.permits(enctype))
        .ok_or_else(|| {
            Refused::new(
                ErrorCode::KDC_ERR_ETYPE_NOSUPP,
                format!("PA-ENC-TIMESTAMP is encrypted with {enctype}, of which there is no key"),
            )
        })?;
    let plain = key
        .key()?
        .decrypt(KeyUsage::PA_ENC_TIMESTAMP, sealed.cipher.0)
        .map_err(|_| failed("PA-ENC-TIMESTAMP does not open under the client's key"))?;
    let stamp: PaEncTsEnc = from_der("PA-ENC-TS-ENC", &plain)
        .map_err(|_| failed("PA-ENC-TIMESTAMP holds no PA-ENC-TS-ENC"))?;
    let client_time = Timestamp::new(
        stamp.patimestamp,
        stamp.pausec.map_or(0, |micros| micros.get()),
    );
    within_skew(client_time, now, kdc)
}

/// Exactly the skew is near enough, as for an authenticator (AP-28).
fn within_skew(client_time: Timestamp, now: Timestamp, kdc: &Kdc) -> Result<(), Refused> {
    let off = now.micros_since(client_time).unsigned_abs();
    let limit = kdc.policy.clock_skew;
    if u128::from(off) <= limit.as_micros() {
        Ok(())
    } else {
        Err(Error::from(Rejection::Skew {
            client_time,
            now,
            limit: limit.as_secs(),
            issued: None,
        })
        .into())
    }
}

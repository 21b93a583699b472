//! Every message type of RFC 4120: what decodes, encodes, and decodes again to the same.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use orthros::wire::primitive::{application_number, from_der, to_der};
use orthros::wire::{
    AdAndOr, AdCammac, AdKdcIssued, ApRep, ApReq, AsRep, AsReq, Authenticator, AuthorizationData,
    Checksum, EncApRepPart, EncAsRepPart, EncKrbCredPart, EncKrbPrivPart, EncTgsRepPart,
    EncTicketPart, EncryptedData, EncryptionKey, EtypeInfo2Entry, EtypeInfoEntry, HostAddress,
    KerbErrorData, KrbCred, KrbError, KrbPriv, KrbSafe, Malformed, Message, PaData, PaEncTsEnc,
    PaPacRequest, PrincipalName, Raw, TgsRep, TgsReq, Ticket, TypedData,
};
use orthros_fuzz::{bounded, say};

/// `encode` undoes `decode`, as far as decoding can tell.
fn twice<'a, T: Debug>(
    octets: &'a [u8],
    first: Result<T, Malformed>,
    encode: impl Fn(&T) -> Result<Vec<u8>, Malformed>,
    decode: impl for<'b> Fn(&'b [u8], &mut dyn FnMut(&dyn Debug, Vec<u8>)),
) -> Option<T> {
    let value = match first {
        Ok(value) => value,
        Err(error) => {
            say(&error);
            return None;
        }
    };
    let shown = format!("{value:?}");
    let encoded = encode(&value).expect("what was decoded can be encoded");
    assert!(encoded.len() <= octets.len() + 64, "longer than it was");
    decode(&encoded, &mut |again, encoded_again| {
        assert_eq!(shown, format!("{again:?}"), "another value");
        assert_eq!(encoded, encoded_again, "another encoding");
    });
    Some(value)
}

/// A type with an APPLICATION tag.
macro_rules! message {
    ($octets:ident, $type:ident) => {
        twice(
            $octets,
            $type::from_bytes($octets),
            |value| value.to_bytes(),
            |encoded, then| {
                let again = $type::from_bytes(encoded).expect("our own encoding");
                then(&again, again.to_bytes().expect("once more"));
            },
        )
    };
}

/// One of the SEQUENCEs that travel under two APPLICATION tags.
macro_rules! of_two {
    ($octets:ident, $type:ident) => {
        twice(
            $octets,
            $type::from_bytes($octets),
            |value| $type::to_bytes(value),
            |encoded, then| {
                let again = $type::from_bytes(encoded).expect("our own encoding");
                then(&again, $type::to_bytes(&again).expect("once more"));
            },
        )
    };
}

/// A type without APPLICATION tag.
macro_rules! plain {
    ($octets:ident, $($type:ty),* $(,)?) => {$(
        twice(
            $octets,
            from_der::<$type>(stringify!($type), $octets),
            |value| to_der(stringify!($type), value),
            |encoded, then| {
                let again: $type = from_der(stringify!($type), encoded).expect("our own encoding");
                then(&again, to_der(stringify!($type), &again).expect("once more"));
            },
        );
    )*};
}

fuzz_target!(|input: &[u8]| bounded(input, |octets| {
    if application_number(octets).is_some() {
        message!(octets, Ticket);
        message!(octets, Authenticator);
        message!(octets, EncTicketPart);
        if let Some(request) = of_two!(octets, AsReq) {
            let _ = request.body();
        }
        of_two!(octets, AsRep);
        if let Some(request) = of_two!(octets, TgsReq) {
            let _ = request.body();
        }
        of_two!(octets, TgsRep);
        message!(octets, ApReq);
        message!(octets, ApRep);
        message!(octets, KrbSafe);
        message!(octets, KrbPriv);
        message!(octets, KrbCred);
        of_two!(octets, EncAsRepPart);
        of_two!(octets, EncTgsRepPart);
        message!(octets, EncApRepPart);
        message!(octets, EncKrbPrivPart);
        message!(octets, EncKrbCredPart);
        message!(octets, KrbError);
    }
    if octets.first() == Some(&0x30) {
        plain!(
            octets,
            AuthorizationData<'_>,
            AdKdcIssued<'_>,
            AdAndOr<'_>,
            AdCammac<'_>,
            Vec<PaData<'_>>,
            Vec<EtypeInfoEntry<'_>>,
            Vec<EtypeInfo2Entry<'_>>,
            Vec<HostAddress<'_>>,
            Vec<TypedData<'_>>,
            PaEncTsEnc,
            PaPacRequest,
            KerbErrorData<'_>,
            PrincipalName<'_>,
            EncryptedData<'_>,
            EncryptionKey<'_>,
            Checksum<'_>,
        );
    }
    if let Ok(raw) = Raw::new(octets) {
        assert_eq!(raw.as_bytes(), octets);
        assert_eq!(to_der("DER element", &raw).expect("a copy"), octets);
    }
}));

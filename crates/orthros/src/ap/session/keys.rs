//! The keys and sequence numbers that an AP exchange leaves behind.

use crate::crypto::Key;

/// What both parties share after the exchange.
///
/// `Debug` shows no key.
#[derive(Clone, Debug)]
pub struct SessionKeys {
    /// The ticket session key, chosen by the KDC.
    pub session: Key,
    /// The key the initiator put into its authenticator.
    pub initiator_subkey: Option<Key>,
    /// The key the acceptor put into its AP-REP.
    pub acceptor_subkey: Option<Key>,
    /// The initiator's first sequence number; 0 if it sent none (AP-59).
    pub initiator_seq: u32,
    /// The acceptor's first sequence number; the initiator's if there was no AP-REP, 0 if there
    /// was one without number (AP-59, GSS-29).
    pub acceptor_seq: u32,
}

impl SessionKeys {
    /// The key that protects what follows: the acceptor's subkey, else the initiator's, else the
    /// session key (AP-57; RFC 4120 §5.5.1, §5.5.2).
    pub fn in_force(&self) -> &Key {
        self.acceptor_subkey
            .as_ref()
            .or(self.initiator_subkey.as_ref())
            .unwrap_or(&self.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Enctype;

    #[test]
    fn ap_57_key_in_force() {
        let key = |octet: u8| Key::new(Enctype::AES128_CTS_HMAC_SHA1_96, &[octet; 16]).unwrap();
        for (initiator, acceptor, expected) in [
            (None, None, 1),
            (Some(2), None, 2),
            (None, Some(3), 3),
            (Some(2), Some(3), 3),
        ] {
            let keys = SessionKeys {
                session: key(1),
                initiator_subkey: initiator.map(key),
                acceptor_subkey: acceptor.map(key),
                initiator_seq: 0,
                acceptor_seq: 0,
            };
            assert_eq!(*keys.in_force(), key(expected));
        }
    }
}

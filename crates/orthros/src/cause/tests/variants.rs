//! No kind of error is without a sample.

use super::*;

/// The variants by number; a new one does not compile until it stands here, and fails below
/// until it stands among the samples.
fn variant(error: &Error) -> usize {
    use Rejection::*;
    match error {
        Error::Malformed(_) => 0,
        Error::Peer(_) => 1,
        Error::Unsupported(_) => 2,
        Error::File(_) => 3,
        Error::Unreachable { .. } => 4,
        Error::Misuse(_) => 5,
        Error::Random => 6,
        Error::Rejected(rejection) => match &**rejection {
            MessageType { .. } => 7,
            Version { .. } => 8,
            NotUs { .. } => 9,
            NoKey { .. } => 10,
            KeyVersion { .. } => 11,
            KeyEnctype { .. } => 12,
            Enctype { .. } => 13,
            WrongKey { .. } => 14,
            TicketModified { .. } => 15,
            AuthenticatorModified { .. } => 16,
            ClientMismatch { .. } => 17,
            Address { .. } => 18,
            Skew { .. } => 19,
            NotYetValid { .. } => 20,
            InvalidFlag { .. } => 21,
            Expired { .. } => 22,
            Transited { .. } => 23,
            AuthorizationData { .. } => 24,
            ChecksumType { .. } => 25,
            ChecksumMismatch => 26,
            ChecksumMissing => 27,
            GssChecksum { .. } => 28,
            ChannelBindings { .. } => 29,
            Replay { .. } => 30,
            ReplayCacheFull { .. } => 31,
            ReplayCacheYoung { .. } => 32,
            Pac { .. } => 33,
            PacMissing { .. } => 34,
            Anonymous => 35,
            WellKnown { .. } => 36,
            NoTgt => 37,
            UserToUserRequired => 38,
            Mutual { .. } => 39,
            Message { .. } => 40,
            KdcReply { .. } => 41,
            Kdc { .. } => 42,
            Mechanism { .. } => 43,
            ReplyModified { .. } => 44,
            ReplyKey { .. } => 45,
            ReplayCacheUnavailable { .. } => 46,
            Session { .. } => 49,
            NoCommonMechanism { .. } => 50,
            Negotiation { .. } => 51,
            NegotiationRefused => 52,
            Sasl { .. } => 53,
            SecurityLayer { .. } => 54,
            Authorization { .. } => 55,
        },
        Error::Crypto(_) => 47,
        Error::Preauthentication(_) => 48,
    }
}
const VARIANTS: usize = 56;

#[test]
fn every_variant_is_among_the_samples() {
    let mut seen = [false; VARIANTS];
    for error in samples() {
        seen[variant(&error)] = true;
    }
    assert!(seen.iter().all(|seen| *seen), "{seen:?}");
}

use crate::error::{Error, PeerError, Rejection};
use crate::gss::{MajorStatus, Role, SequenceStatus};
use crate::time::Timestamp;
use crate::wire::{ErrorCode, Malformed};

fn peer(code: i32) -> Error {
    Error::Peer(Box::new(PeerError {
        code: ErrorCode(code),
        text: None,
        data: None,
        stime: Timestamp::default(),
        now: Timestamp::default(),
        client: None,
        server: "s@R".into(),
        tried: None,
    }))
}

#[test]
fn gss_63_table() {
    use MajorStatus as M;
    for (code, initiator, acceptor) in [
        (31, M::BAD_MIC, M::BAD_MIC),
        (41, M::BAD_MIC, M::BAD_MIC),
        (50, M::BAD_MIC, M::BAD_MIC),
        (34, M::DUPLICATE_TOKEN, M::DUPLICATE_TOKEN),
        (32, M::CREDENTIALS_EXPIRED, M::FAILURE),
        (35, M::NO_CRED, M::NO_CRED),
        (44, M::NO_CRED, M::NO_CRED),
        (45, M::NO_CRED, M::NO_CRED),
        (40, M::DEFECTIVE_TOKEN, M::DEFECTIVE_TOKEN),
        (37, M::FAILURE, M::FAILURE),
        (60, M::FAILURE, M::FAILURE),
        (7, M::FAILURE, M::FAILURE),
    ] {
        // The code is the minor status (GSS-09); one that no standard knows is none.
        if code < 100 {
            assert_eq!(peer(code).protocol_code(), ErrorCode(code));
        }
        assert_eq!(peer(code).gss_major(Role::Initiator), initiator, "{code}");
        assert_eq!(peer(code).gss_major(Role::Acceptor), acceptor, "{code}");
        let ours = Error::from(Rejection::Message {
            why: "",
            code: ErrorCode(code),
        });
        assert_eq!(ours.gss_major(Role::Initiator), initiator, "{code}");
    }
    for (error, major) in [
        (Error::from(Malformed::new("x", 0, "y")), M::DEFECTIVE_TOKEN),
        (
            Rejection::ChannelBindings { sent: true }.into(),
            M::BAD_BINDINGS,
        ),
        (
            Rejection::Mechanism { oid: String::new() }.into(),
            M::BAD_MECH,
        ),
        (Error::Misuse("x"), M::FAILURE),
        (Error::Random, M::FAILURE),
        (Error::Unsupported(String::new()), M::FAILURE),
    ] {
        assert_eq!(error.gss_major(Role::Acceptor), major);
    }
}

#[test]
fn numbers_of_rfc_2744() {
    assert_eq!(MajorStatus::BAD_MECH.0, 0x0001_0000);
    assert_eq!(MajorStatus::BAD_MIC.0, 0x0006_0000);
    assert_eq!(MajorStatus::DEFECTIVE_TOKEN.0, 0x0009_0000);
    assert_eq!(MajorStatus::FAILURE.0, 0x000D_0000);
    assert_eq!(MajorStatus::NAME_NOT_MN.0, 0x0012_0000);
    assert_eq!(MajorStatus::from(SequenceStatus::Gap).0, 16);
    assert_eq!(MajorStatus::from(SequenceStatus::Duplicate).0, 2);
    assert_eq!(MajorStatus::from(SequenceStatus::Old).0, 4);
    assert_eq!(MajorStatus::from(SequenceStatus::Unseq).0, 8);
    assert_eq!(MajorStatus::FAILURE.to_string(), "GSS_S_FAILURE");
}

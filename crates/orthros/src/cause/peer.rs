//! What a KRB-ERROR tells, and how far it can be believed: nothing protects it (AP-76).

use super::words::{ahead, clock_reason, offset, sh, short, span};
use super::{Explanation, codes};
use crate::error::PeerError;
use crate::wire::{ErrorCode, ErrorData, EtypeInfo2Entry, PaData, PaDataType};

pub(super) fn explain(error: &PeerError) -> Explanation {
    let who = Who::of(error);
    let explanation = Explanation::new(codes::told(error.code), sentence(error, who))
        .fact(
            "error-code",
            match error.code.name() {
                Some(name) => format!("{name} ({})", error.code.0),
                None => format!("{} (no code of the standard)", error.code.0),
            },
        )
        .fact(
            "server",
            match error.server.as_str() {
                "" => "not named",
                server => server,
            },
        );
    let explanation = match &error.client {
        Some(client) => explanation.fact("client", client),
        None => explanation,
    };
    let explanation = match &error.text {
        Some(text) => explanation.fact("e-text", format!("{:?}", short(text))),
        None => explanation,
    };
    let explanation = match &error.data {
        Some(data) => e_data(explanation, error.code, data),
        None => explanation,
    };
    let explanation = match &error.tried {
        Some(tried) => explanation.fact("tried with", tried),
        None => explanation,
    };
    let micros = error.stime.micros_since(error.now);
    let explanation = explanation
        .fact("their time", error.stime)
        .fact("our time", error.now)
        .fact(
            "offset",
            format!("{} (they are {} us)", offset(micros), ahead(micros)),
        )
        .fact(
            "protection",
            "none: anybody on the way can write such a message",
        );
    advice(explanation, error)
        .likely("The message is not genuine: it is not protected, so nothing is done because of it but to stop.")
}

/// Who seems to have sent it.
#[derive(Clone, Copy)]
enum Who {
    Kdc,
    Server,
}

impl Who {
    /// The KDC has its own codes; of the rest, those about its own ticket are its own too.
    fn of(error: &PeerError) -> Self {
        let kdc = match error.code.0 {
            0..=29 | 52 | 62..=66 | 68 | 70..=81 | 90..=93 => true,
            _ => error.server.starts_with("krbtgt/"),
        };
        if kdc { Self::Kdc } else { Self::Server }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Kdc => "The KDC",
            Self::Server => "The server",
        }
    }
}

fn sentence(error: &PeerError, who: Who) -> String {
    let who = who.name();
    let server = match error.server.as_str() {
        "" => "the service".to_owned(),
        server => short(server),
    };
    let client = match &error.client {
        Some(client) => short(client),
        None => "the client".to_owned(),
    };
    let micros = error.stime.micros_since(error.now);
    match error.code {
        ErrorCode::KDC_ERR_NAME_EXP => format!("{who} says that the account {client} has expired."),
        ErrorCode::KDC_ERR_SERVICE_EXP => {
            format!("{who} says that the account {server} has expired.")
        }
        ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN => {
            format!("{who} says that it does not know the client {client}.")
        }
        ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN => {
            format!("{who} says that it does not know the service {server}.")
        }
        ErrorCode::KDC_ERR_PRINCIPAL_NOT_UNIQUE => {
            format!("{who} says that {server} is the name of more than one account.")
        }
        ErrorCode::KDC_ERR_NULL_KEY => format!("{who} says that client or service has no key."),
        ErrorCode::KDC_ERR_CANNOT_POSTDATE => {
            format!("{who} says that this ticket cannot be postdated.")
        }
        ErrorCode::KDC_ERR_NEVER_VALID => {
            format!("{who} says that the ticket asked for would end before it begins.")
        }
        ErrorCode::KDC_ERR_POLICY => format!("{who} says that its policy forbids the request."),
        ErrorCode::KDC_ERR_BADOPTION => {
            format!("{who} says that it cannot grant what the request asks for {server}.")
        }
        ErrorCode::KDC_ERR_ETYPE_NOSUPP => format!(
            "{who} says that it has no encryption type in common with the request for {server}."
        ),
        ErrorCode::KDC_ERR_CLIENT_REVOKED => {
            format!("{who} says that the account {client} is disabled or locked.")
        }
        ErrorCode::KDC_ERR_SERVICE_REVOKED => {
            format!("{who} says that the account {server} is disabled.")
        }
        ErrorCode::KDC_ERR_TGT_REVOKED => format!("{who} says that the TGT was revoked."),
        ErrorCode::KDC_ERR_KEY_EXPIRED => {
            format!("{who} says that the password of {client} has expired.")
        }
        ErrorCode::KDC_ERR_PREAUTH_FAILED => {
            format!(
                "{who} says that the pre-authentication of {client} failed: wrong password or key."
            )
        }
        ErrorCode::KDC_ERR_PREAUTH_REQUIRED => {
            format!("{who} says that {client} must pre-authenticate.")
        }
        ErrorCode::KDC_ERR_MUST_USE_USER2USER => {
            format!("{who} says that {server} can be reached by user-to-user only.")
        }
        ErrorCode::KDC_ERR_SVC_UNAVAILABLE => {
            format!("{who} says that a service it needs is unavailable.")
        }
        ErrorCode::KRB_AP_ERR_BAD_INTEGRITY | ErrorCode::KRB_AP_ERR_MODIFIED => {
            format!(
                "{who} says that it cannot open what was sent to {server}: wrong key or altered octets."
            )
        }
        ErrorCode::KRB_AP_ERR_TKT_EXPIRED => format!("{who} says that the ticket has ended."),
        ErrorCode::KRB_AP_ERR_TKT_NYV => format!("{who} says that the ticket is not valid yet."),
        ErrorCode::KRB_AP_ERR_REPEAT => {
            format!("{who} says that it has seen this request before.")
        }
        ErrorCode::KRB_AP_ERR_NOT_US => format!("{who} says that the ticket is not for it."),
        ErrorCode::KRB_AP_ERR_BADMATCH => {
            format!("{who} says that ticket and authenticator name different clients.")
        }
        ErrorCode::KRB_AP_ERR_SKEW => format!(
            "{who} says that the clocks differ too much: by its message it is {} {} us.",
            span(micros),
            ahead(micros)
        ),
        ErrorCode::KRB_AP_ERR_BADADDR => {
            format!("{who} says that the ticket is not for the address it sees us at.")
        }
        ErrorCode::KRB_AP_ERR_BADKEYVER => {
            format!(
                "{who} says that it does not have the key version of {server} that the ticket is sealed with."
            )
        }
        ErrorCode::KRB_AP_ERR_NOKEY => format!("{who} says that it has no key for {server}."),
        ErrorCode::KRB_AP_ERR_NO_TGT => {
            format!("{who} says that it has no TGT to open a user-to-user ticket with.")
        }
        ErrorCode::KRB_AP_ERR_USER_TO_USER_REQUIRED => {
            format!("{who} says that it accepts user-to-user tickets only.")
        }
        ErrorCode::KRB_ERR_RESPONSE_TOO_BIG => {
            format!("{who} says that its answer is too long for UDP.")
        }
        ErrorCode::KDC_ERR_WRONG_REALM => {
            format!("{who} says that {client} belongs to another realm.")
        }
        ErrorCode::KDC_ERR_PREAUTH_EXPIRED => {
            format!("{who} says that the pre-authentication took too long.")
        }
        ErrorCode::KRB_ERR_GENERIC => match &error.text {
            Some(text) => format!(
                "{who} refuses without a code of its own: {:?}.",
                short(text)
            ),
            None => format!("{who} refuses and does not say why."),
        },
        code => match code.name() {
            Some(name) => format!("{who} refuses with {name} ({}).", code.0),
            None => format!(
                "{who} refuses with code {}, which the standard does not have.",
                code.0
            ),
        },
    }
}

const NEW_TICKETS: &str = "kdestroy && kinit   # new tickets (Windows: klist purge)";

/// What a client can know and do about a code.
fn advice(explanation: Explanation, error: &PeerError) -> Explanation {
    let server = sh(&error.server);
    // Without the realm, as Active Directory lists it.
    let spn = sh(&error.server.split('@').next().unwrap_or_default());
    let client = match &error.client {
        Some(client) => sh(client),
        None => "CLIENT".to_owned(),
    };
    match error.code {
        ErrorCode::KDC_ERR_NAME_EXP => explanation
            .likely("The account has an end, and it has come.")
            .next(format!("kadmin getprinc {client}   # MIT: \"Expiration date\""))
            .next("net user NAME /domain   # Active Directory: \"Account expires\""),
        ErrorCode::KDC_ERR_SERVICE_EXP => explanation
            .likely("The service's account has an end, and it has come.")
            .next(format!("kadmin getprinc {server}   # MIT: \"Expiration date\"")),
        ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN => explanation
            .likely("The name is misspelt, or in the wrong realm; realms are upper case by custom and compared exactly.")
            .likely("The user logs in by an e-mail address or UPN: that is an enterprise name.")
            .likely("The account does not exist yet at the KDC that answered.")
            .next(format!("kinit -E {client}   # as an enterprise name"))
            .next(format!("kadmin getprinc {client}   # MIT: whether the account exists"))
            .next("grep default_realm /etc/krb5.conf"),
        ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN => explanation
            .likely("The name was composed from an alias, a short name, an address or a name with a port, and the service is registered under its full host name.")
            .likely("The service was never registered.")
            .likely("The host is mapped to the wrong realm (domain_realm).")
            .likely("The name is registered on two accounts; Active Directory then answers as if there were none.")
            .next(format!("setspn -Q {spn}   # Active Directory: which accounts have it; exactly one is right"))
            .next("setspn -X   # Active Directory: names registered twice")
            .next(format!("kadmin getprinc {server}   # MIT: whether it exists"))
            .next("getent hosts HOST   # what the name server calls the host; dns_canonicalize_hostname and rdns in krb5.conf decide whether that counts"),
        ErrorCode::KDC_ERR_PRINCIPAL_NOT_UNIQUE => explanation
            .likely("The service's name is registered on two accounts.")
            .next("setspn -X   # Active Directory: names registered twice")
            .next(format!("setspn -Q {spn}")),
        ErrorCode::KDC_ERR_NULL_KEY => explanation
            .likely("The account has no key yet: its password was never set.")
            .next(format!("kadmin getprinc {client}   # MIT: \"Number of keys\"")),
        ErrorCode::KDC_ERR_CANNOT_POSTDATE => explanation
            .likely("The KDC's policy does not allow postdated tickets.")
            .next("kinit   # without -s"),
        ErrorCode::KDC_ERR_NEVER_VALID => explanation
            .likely("The lifetime asked for is negative or zero: our clock is far ahead of the KDC's, or the ticket is about to end.")
            .next("chronyc tracking   # or timedatectl")
            .next(NEW_TICKETS),
        ErrorCode::KDC_ERR_POLICY => explanation
            .likely("The account may not use this service, log on from this machine or at this hour.")
            .likely("The account is a member of Protected Users, or its authentication policy forbids it (Active Directory).")
            .next("Ask the KDC's operator for the reason; its log has it."),
        ErrorCode::KDC_ERR_BADOPTION => explanation
            .likely("The ticket at hand does not permit what was asked: it is not forwardable, not renewable, or its renewal time is over.")
            .likely("Delegation (S4U2Proxy) to this service is not allowed for this account.")
            .next("klist -f   # the flags of the tickets: F forwardable, R renewable")
            .next("kinit -f   # a forwardable ticket; -r 7d for a renewable one"),
        ErrorCode::KDC_ERR_ETYPE_NOSUPP => explanation
            .likely("The account has no AES key, or is not marked as able to use AES, and the request lists AES only.")
            .likely("The request lists old types only (default_tkt_enctypes, default_tgs_enctypes), which the KDC has switched off.")
            .next("grep -i enctypes /etc/krb5.conf")
            .next(format!("kadmin getprinc {server}   # MIT: the keys it has"))
            .next("Active Directory: tick \"This account supports Kerberos AES 256 bit encryption\" (msDS-SupportedEncryptionTypes), then change the account's password once."),
        ErrorCode::KDC_ERR_CLIENT_REVOKED => explanation
            .likely("Too many wrong passwords: the account is locked.")
            .likely("The account is disabled, or outside its logon hours.")
            .next(format!("kadmin getprinc {client}   # MIT: \"Failed password attempts\", attributes; modprinc -unlock"))
            .next("net user NAME /domain   # Active Directory: \"Account active\", \"Account expires\""),
        ErrorCode::KDC_ERR_SERVICE_REVOKED => explanation
            .likely("The service's account is disabled.")
            .next(format!("kadmin getprinc {server}   # MIT: attributes"))
            .next(format!("setspn -Q {spn}   # Active Directory: which account it is")),
        ErrorCode::KDC_ERR_TGT_REVOKED => explanation
            .likely("The account was changed, renamed or disabled since it logged in.")
            .next(NEW_TICKETS),
        ErrorCode::KDC_ERR_CLIENT_NOTYET | ErrorCode::KDC_ERR_SERVICE_NOTYET => explanation
            .likely("The account is not to be used yet."),
        ErrorCode::KDC_ERR_KEY_EXPIRED => explanation
            .likely("The password is older than the realm's policy allows, or must be changed at the first login.")
            .next(format!("kpasswd {client}")),
        ErrorCode::KDC_ERR_PREAUTH_FAILED => explanation
            .likely("The password is wrong.")
            .likely("A keytab is used as the password, and it is older than the account's key.")
            .likely("The key was made with the wrong salt: the account was renamed, or the name was typed in another case than the account has.")
            .likely("The clocks differ: some KDCs answer this way.")
            .next(format!("kinit {client}   # with the password"))
            .next(format!("kinit -k -t KEYTAB {client}   # with the keytab"))
            .next("klist -kte KEYTAB   # the version and the types the keytab has")
            .next(format!("kvno {client}   # as another user: the version the KDC has")),
        ErrorCode::KDC_ERR_PREAUTH_REQUIRED => explanation
            .likely("The first request of a login is answered this way; the client goes on with what the KDC offers.")
            .likely("If the client stops here, the KDC offers nothing that the client can do.")
            .next(format!("KRB5_TRACE=/dev/stderr kinit {client}   # MIT: what is offered and chosen")),
        ErrorCode::KDC_ERR_PADATA_TYPE_NOSUPP => explanation
            .likely("The KDC does not have the pre-authentication that the client insists on (a smart card: the KDC has no certificate).")
            .next(format!("KRB5_TRACE=/dev/stderr kinit {client}   # MIT: what is offered and chosen")),
        ErrorCode::KDC_ERR_MUST_USE_USER2USER => explanation
            .likely("The service is a user's account without a service key.")
            .next("Use user-to-user, or register the service on an account with a service name."),
        ErrorCode::KDC_ERR_PATH_NOT_ACCEPTED | ErrorCode::KRB_AP_PATH_NOT_ACCEPTED => explanation
            .likely("A realm between the client's and the service's is not trusted there.")
            .next("grep -A20 capaths /etc/krb5.conf   # on the other side"),
        ErrorCode::KDC_ERR_SVC_UNAVAILABLE => explanation
            .likely("The KDC cannot reach its database or its directory.")
            .next("Try another KDC of the realm; look in the KDC's log."),
        ErrorCode::KRB_AP_ERR_BAD_INTEGRITY | ErrorCode::KRB_AP_ERR_MODIFIED => explanation
            .likely("The service's name is registered on another account than the one whose key the service has (duplicate SPN, a load balancer in front of several accounts).")
            .likely("The service's keytab was made from another password or with the wrong salt.")
            .likely("We hold a ticket from before the key was changed.")
            .next(NEW_TICKETS)
            .next(format!("setspn -Q {spn}   # Active Directory: exactly one account is right"))
            .next(format!("kvno -k KEYTAB {server}   # on the server: tries its keytab on a new ticket")),
        ErrorCode::KRB_AP_ERR_TKT_EXPIRED => explanation
            .likely("The ticket has ended.")
            .likely("The other side's clock is ahead.")
            .next("klist   # \"Expires\"")
            .next("kinit   # kinit -R while the ticket can be renewed"),
        ErrorCode::KRB_AP_ERR_TKT_NYV => explanation
            .likely("The other side's clock is behind the KDC's.")
            .likely("The ticket is postdated.")
            .next("klist   # \"Valid starting\""),
        ErrorCode::KRB_AP_ERR_REPEAT => explanation
            .likely("The request was sent twice: a retransmission, or a proxy's retry.")
            .likely("The server was just started, and refuses until it can tell old requests from new ones.")
            .next("Send a new request with a new authenticator."),
        ErrorCode::KRB_AP_ERR_NOT_US => explanation
            .likely("The service runs under another name than the one we have a ticket for.")
            .next("klist   # for which service the ticket is"),
        ErrorCode::KRB_AP_ERR_BADMATCH => explanation
            .likely("The credential cache mixes the tickets of two clients.")
            .next(NEW_TICKETS),
        ErrorCode::KRB_AP_ERR_SKEW => skew(explanation, error),
        ErrorCode::KRB_AP_ERR_BADADDR => explanation
            .likely("There is a NAT or a proxy on the way, and the ticket is bound to addresses.")
            .next("kinit -A   # a ticket without addresses"),
        ErrorCode::KRB_AP_ERR_BADKEYVER => explanation
            .likely("The service's key was changed: either we hold an old ticket, or the service an old keytab.")
            .next(NEW_TICKETS)
            .next(format!("kvno {server}   # the version of a new ticket"))
            .next("klist -kte KEYTAB   # on the server: the versions it has"),
        ErrorCode::KRB_AP_ERR_NOKEY => explanation
            .likely("The service reads another keytab, or its keytab has another name for the host.")
            .next("klist -kte KEYTAB   # on the server: the names it has")
            .next("klist   # for which service the ticket is"),
        ErrorCode::KRB_AP_ERR_METHOD => explanation
            .likely("The server wants another method of authentication; its e-data says which."),
        ErrorCode::KRB_AP_ERR_INAPP_CKSUM | ErrorCode::KDC_ERR_SUMTYPE_NOSUPP => explanation
            .likely("The other side does not accept the checksum type that belongs to our session key.")
            .next("klist -e   # the session key's type"),
        ErrorCode::KRB_AP_ERR_NO_TGT => explanation
            .likely("The server's user has no TGT, or it has ended.")
            .next("klist   # as the server's user"),
        ErrorCode::KRB_AP_ERR_USER_TO_USER_REQUIRED => explanation
            .likely("The server has no key of its own.")
            .next("Use a client that can do user-to-user."),
        ErrorCode::KRB_ERR_RESPONSE_TOO_BIG => explanation
            .likely("The ticket is large: many groups in its PAC. A client asks again over TCP.")
            .next("nc -vz KDC 88   # whether TCP gets through")
            .next("Set udp_preference_limit = 1 in [libdefaults] of krb5.conf."),
        ErrorCode::KDC_ERR_WRONG_REALM => explanation
            .likely("The account is in another realm of the forest; the message names the realm to ask.")
            .next(format!("kinit -C {client}   # follows referrals")),
        ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED
        | ErrorCode::KDC_ERR_CANT_VERIFY_CERTIFICATE
        | ErrorCode::KDC_ERR_INVALID_CERTIFICATE
        | ErrorCode::KDC_ERR_REVOKED_CERTIFICATE
        | ErrorCode::KDC_ERR_REVOCATION_STATUS_UNKNOWN
        | ErrorCode::KDC_ERR_REVOCATION_STATUS_UNAVAILABLE
        | ErrorCode::KDC_ERR_CLIENT_NAME_MISMATCH
        | ErrorCode::KDC_ERR_INCONSISTENT_KEY_PURPOSE
        | ErrorCode::KDC_ERR_INVALID_SIG => explanation
            .likely("The KDC does not trust the client's certificate: its issuer, its purpose, its revocation list or the name in it.")
            .next("openssl x509 -in CERT -noout -text   # issuer, purposes, subject alternative name, CRL")
            .next("Ask the KDC's operator; its log names the certificate's fault."),
        ErrorCode::KRB_ERR_GENERIC => explanation
            .likely("The other side's log has the reason; the protocol has no code for it.")
            .next("Look in the other side's log at the time above."),
        _ => explanation.next("Look in the other side's log at the time above."),
    }
}

fn skew(explanation: Explanation, error: &PeerError) -> Explanation {
    let explanation = match clock_reason(error.stime, error.now) {
        Some(reason) => explanation.likely(reason),
        None => explanation,
    };
    explanation
        .likely("One of the two machines does not keep its clock by NTP.")
        .next("chronyc tracking   # or timedatectl; Windows: w32tm /stripchart /computer:DC /samples:3")
        .next("date -u   # here, on the other side and on the KDC: the one that differs from the KDC is wrong")
        .next("Do not set a clock by this message: anybody can have written the time in it.")
}

fn e_data(explanation: Explanation, code: ErrorCode, data: &[u8]) -> Explanation {
    match ErrorData::parse(code, data) {
        ErrorData::MethodData(offers) => offers.iter().fold(explanation, |explanation, offer| {
            explanation.fact("offered", offered(offer))
        }),
        ErrorData::TypedData(all) => all.iter().fold(explanation, |explanation, one| {
            explanation.fact("typed data", format!("type {}", one.data_type))
        }),
        ErrorData::KerbErrorData(data) => {
            let status = match (data.data_type, data.data_value) {
                (EXTENDED, Some(value)) => value.0.first_chunk::<4>().copied(),
                _ => None,
            };
            match status.map(u32::from_le_bytes) {
                Some(status) => explanation.fact("Windows status", nt_status(status)),
                None => explanation.fact("Windows data", format!("type {}", data.data_type)),
            }
        }
        ErrorData::Opaque(octets) => {
            explanation.fact("e-data", format!("{} octets of unknown form", octets.len()))
        }
    }
}

/// One offer of pre-authentication; of ETYPE-INFO2 also the types, not the salts.
fn offered(offer: &PaData<'_>) -> String {
    let name = match offer.padata_type.name() {
        Some(name) => name.to_owned(),
        None => format!("pre-authentication {}", offer.padata_type.0),
    };
    if offer.padata_type != PaDataType::ETYPE_INFO2 {
        return name;
    }
    let entries: Result<Vec<EtypeInfo2Entry<'_>>, _> =
        crate::wire::primitive::from_der("ETYPE-INFO2", offer.padata_value.0);
    match entries {
        Ok(entries) => {
            let types: Vec<String> = entries
                .iter()
                .map(|entry| crate::crypto::Enctype(entry.etype).to_string())
                .collect();
            format!("{name}: {}", types.join(", "))
        }
        Err(_) => format!("{name}, damaged"),
    }
}

/// KERB_ERR_TYPE_EXTENDED: the data is a KERB-EXT-ERROR, which begins with an NTSTATUS
/// (MS-KILE 2.2.1, 2.2.2).
const EXTENDED: i32 = 3;

fn nt_status(status: u32) -> String {
    let meaning = match status {
        0xC000_0064 => "there is no such user",
        0xC000_006A => "wrong password",
        0xC000_006D => "logon failure",
        0xC000_006E => "an account restriction",
        0xC000_006F => "outside the logon hours",
        0xC000_0070 => "not from this workstation",
        0xC000_0071 => "the password has expired",
        0xC000_0072 => "the account is disabled",
        0xC000_0133 => "the clocks differ too much",
        0xC000_015B => "the logon type is not granted",
        0xC000_0192 => "the netlogon service is not running",
        0xC000_0193 => "the account has expired",
        0xC000_0224 => "the password must be changed",
        0xC000_0234 => "the account is locked out",
        0xC000_0413 => "the trust is selective and does not admit the client",
        _ => "see the list of NTSTATUS values",
    };
    format!("{status:#010X}, {meaning}")
}

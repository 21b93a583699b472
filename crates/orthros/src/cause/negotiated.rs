//! Judgements about SPNEGO and SASL: which mechanism, which security layer, who acts as whom.

use super::Explanation;
use super::words::short;
use crate::principal::Principal;

/// What the mechanism with this dotted OID is called, if it is one that is met beside Kerberos.
pub fn mechanism_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.2.840.113554.1.2.2" => "Kerberos",
        "1.3.6.1.5.5.2" => "SPNEGO",
        "1.3.6.1.4.1.311.2.2.10" => "NTLM",
        "1.3.6.1.4.1.311.2.2.30" => "NegoEx",
        "1.3.6.1.5.2.5" => "IAKERB",
        "1.2.840.113554.1.2.2.3" => "Kerberos, user-to-user",
        "1.2.840.48018.1.2.2" => "Kerberos, as early Windows spelt it",
        _ => return None,
    })
}

pub(super) fn no_common(offered: &[String]) -> Explanation {
    let list = match offered {
        [] => "nothing".to_owned(),
        some => some.join(", "),
    };
    let explanation = Explanation::new(
        "SPNEGO_NO_COMMON_MECHANISM",
        format!(
            "The client offers {}, and only Kerberos is accepted.",
            short(&list)
        ),
    )
    .fact("offered", &list);
    let offers = |name: &str| list.contains(name);
    let explanation = match (offers("NTLM"), offers("NegoEx"), offers("IAKERB")) {
        (true, ..) | (_, true, _) => explanation.likely(
            "The client could not get a Kerberos ticket for the name of the service and fell back.",
        ),
        (_, _, true) => explanation.likely(
            "The client reaches no KDC and wants this service to reach it for it (IAKERB).",
        ),
        _ => explanation.likely("The client was told to use another mechanism than Kerberos."),
    };
    explanation.next(
        "kvno HTTP/HOST   # on the client: why it gets no ticket (Windows: klist get HTTP/HOST)",
    )
}

pub(super) fn broken(why: &str) -> Explanation {
    Explanation::new(
        "SPNEGO_BROKEN",
        format!("The negotiation of the mechanism is broken: {why}."),
    )
    .fact("problem", why)
    .likely("A token went to another context or another worker, or came twice.")
    .likely("The other side breaks RFC 4178.")
    .likely("Somebody between the two changed the list of mechanisms to make them use a weaker one.")
    .next("Close the connection and begin again; if it stays so, compare the tokens as sent and as received.")
}

pub(super) fn refused() -> Explanation {
    Explanation::new(
        "SPNEGO_REJECTED",
        "The server refuses the negotiation and gives no reason.",
    )
    .likely("The server has no key for the service of our ticket, or does not speak Kerberos.")
    .likely("The server judged our token and tells nobody why: its log does.")
    .next("Look into the server's log.")
}

pub(super) fn sasl(why: &str) -> Explanation {
    Explanation::new(
        "SASL_BROKEN",
        format!("The SASL exchange is broken: {why}."),
    )
    .fact("problem", why)
    .likely("The two sides disagree about the mechanism or about the framing of messages.")
    .likely("Somebody changed, repeated or removed a message.")
    .next("Close the connection and begin again.")
}

pub(super) fn layer(theirs: &str, ours: &str) -> Explanation {
    Explanation::new(
        "SASL_LAYER",
        format!(
            "The other side has the security layers {}, and we accept {}.",
            short(theirs),
            short(ours)
        ),
    )
    .fact("theirs", theirs)
    .fact("ours", ours)
    .likely("One side demands encryption and the other was told to do without (QOP: auth, auth-int, auth-conf).")
    .likely("The connection is TLS already, and the server allows no second layer inside.")
    .likely("Somebody between the two removed the stronger layers from the offer.")
    .next("Give both sides a QOP in common.")
}

pub(super) fn authorization(client: &Principal, authzid: &str) -> Explanation {
    Explanation::new(
        "SASL_AUTHZID",
        format!("{} may not act as {}.", short(client), short(authzid)),
    )
    .fact("client", client)
    .fact("wants to be", authzid)
    .likely(
        "The client names an authorization identity, and the service lets nobody act for another.",
    )
    .next("Leave the authorization identity away on the client, or allow it in the service.")
}

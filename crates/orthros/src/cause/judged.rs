//! Our judgements, in the order of [`Rejection`].

use super::words::{ahead, clock_reason, offset, sh, short, span};
use super::{Explanation, codes, keys, negotiated};
use crate::error::{Rejection, SessionFault};
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{ErrorCode, MsgType};

const NEW_TICKET: &str = "kdestroy && kinit   # on the client (Windows: klist purge)";
const CLOCKS: &[&str] = &[
    "chronyc tracking   # on both machines; or timedatectl",
    "w32tm /stripchart /computer:DC /samples:3   # on Windows",
];

pub(super) fn explain(rejection: &Rejection) -> Explanation {
    use Rejection::*;
    match rejection {
        MessageType { expected, found } => Explanation::new(
            "AP_MSG_TYPE",
            format!("A message of type {expected} was due, and {} came.", short(found)),
        )
        .fact("expected", expected)
        .fact("found", found)
        .likely("The two sides are out of step: one of them repeats or skips a message.")
        .likely("The message belongs to another exchange, or another mechanism put it there.")
        .next("Look at what was sent before it: a KRB-ERROR in its place says why the other side stopped."),
        Version { field, found } => Explanation::new(
            "AP_BADVERSION",
            format!("{field} is {found}; Kerberos V5 has 5 there."),
        )
        .fact("field", field)
        .fact("found", found)
        .likely("The sender speaks Kerberos 4, or the octets are not Kerberos at all."),
        NotUs { ticket, accepts } => Explanation::new(
            "AP_NOT_US",
            format!("The ticket is for {}, and this service accepts {}.", short(ticket), short(accepts)),
        )
        .fact("ticket server", ticket)
        .fact("accepts", accepts)
        .likely("The client used another name of the service: an alias, the name of a load balancer, another class of service.")
        .likely("The service is bound to one name, and its account has several.")
        .likely("Somebody forwards a ticket that was meant for another service under the same key.")
        .next("klist   # on the client: for which service it has a ticket")
        .next("hostname -f   # on the server: what a service composes its own name from")
        .next("Accept the name in the service's configuration if it is one of its own."),
        NoKey { server, considered } => keys::no_key(server, considered),
        KeyVersion { server, kvno, newest, considered } => {
            keys::key_version(server, *kvno, *newest, considered)
        }
        KeyEnctype { server, enctype, considered } => {
            keys::key_enctype(server, *enctype, considered)
        }
        Enctype { what, enctype, permitted } => keys::not_permitted(what, *enctype, permitted),
        WrongKey { server, kvno, enctype, considered } => {
            keys::wrong_key(server, *kvno, *enctype, considered)
        }
        TicketModified { server, kvno, enctype } => {
            keys::ticket_modified(server, *kvno, *enctype)
        }
        AuthenticatorModified { client, enctype } => {
            keys::authenticator_modified(client, *enctype)
        }
        ClientMismatch { ticket, authenticator } => Explanation::new(
            "AP_CLIENT_MISMATCH",
            format!("The ticket is {}'s, and the authenticator says {}.", short(ticket), short(authenticator)),
        )
        .fact("ticket client", ticket)
        .fact("authenticator", authenticator)
        .likely("The client sends the name it asked for, not the one the KDC made of it (canonicalisation, an alias).")
        .likely("Somebody tries to pass for another user.")
        .next("klist   # on the client: \"Default principal\" must be the name that the KDC gave")
        .next(NEW_TICKET),
        Address { peer, ticket } if ticket.is_empty() => Explanation::new(
            "AP_ADDRESS_MISSING",
            "The ticket has no addresses, and this service demands some.",
        )
        .fact("peer", peer)
        .likely("The client asked for a ticket without addresses, as nearly all do today.")
        .next("kinit -a   # on the client: a ticket bound to its addresses")
        .next("Do not demand addresses: they protect little, and no ticket survives a NAT with them."),
        Address { peer, ticket } => Explanation::new(
            "AP_ADDRESS",
            format!("The request came from {}, and the ticket is for {}.", short(peer), short(&ticket.join(", "))),
        )
        .fact("peer", peer)
        .fact("ticket addresses", ticket.join(", "))
        .likely("There is a NAT or a proxy between client and service.")
        .likely("The client has more addresses than it told the KDC, or changed network since.")
        .likely("The ticket was taken to another machine.")
        .next("kinit -A   # on the client: a ticket without addresses"),
        Skew { client_time, now, limit, issued } => skew(*client_time, *now, *limit, *issued),
        NotYetValid { starttime, now } => {
            let start = Timestamp::from(*starttime);
            let gap = start.micros_since(*now);
            with_clock(Explanation::new(
                "AP_TICKET_NOT_YET_VALID",
                format!("The ticket begins at {starttime}, {} from now by our clock.", span(gap)),
            )
            .fact("starttime", starttime)
            .fact("our time", now)
            .fact("begins in", span(gap))
            .likely("Our clock is behind the KDC's."), start, *now)
            .likely("The ticket is postdated, and its time has not come.")
            .nexts(CLOCKS)
            .next("klist   # on the client: \"Valid starting\"")
        }
        InvalidFlag { flags } => Explanation::new(
            "AP_TICKET_INVALID",
            "The ticket is postdated and was not validated: its invalid flag is set.",
        )
        .fact("flags", flags.names().collect::<Vec<_>>().join(" "))
        .likely("The client asked for a postdated ticket and uses it without having the KDC validate it.")
        .next("kinit -v   # on the client, once the ticket's time has come"),
        Expired { endtime, now } => {
            let end = Timestamp::from(*endtime);
            let gap = now.micros_since(end);
            with_clock(Explanation::new(
                "AP_TICKET_EXPIRED",
                format!("The ticket ended at {endtime}, {} ago by our clock.", span(gap)),
            )
            .fact("endtime", endtime)
            .fact("our time", now)
            .fact("ended", format!("{} ago", span(gap)))
            .likely("The client keeps using a ticket beyond its end and does not get a new one."), end, *now)
            .likely("Our clock is ahead of the KDC's.")
            .next("klist   # on the client: \"Expires\"")
            .next("kinit   # on the client; kinit -R while the ticket can be renewed")
            .nexts(CLOCKS)
        }
        Transited { client_realm, server_realm, why } => Explanation::new(
            "AP_TRANSITED",
            format!("The path of realms from {} to {} is not acceptable: {}.", short(client_realm), short(server_realm), short(why)),
        )
        .fact("client realm", client_realm)
        .fact("server realm", server_realm)
        .fact("problem", why)
        .likely("The KDC did not check the path, and the path is not in [capaths] here.")
        .likely("A realm on the path is not trusted to speak for the client's.")
        .next("grep -A20 capaths /etc/krb5.conf   # on this machine and on the KDC")
        .next("klist -f   # on the client: T among the flags says that the KDC checked the path"),
        AuthorizationData { ad_type, why } => Explanation::new(
            "AP_AUTHORIZATION_DATA",
            format!("The authorization data has {ad_type} where it must be understood: {why}."),
        )
        .fact("ad-type", format!("{ad_type} ({})", ad_type.0))
        .fact("problem", why)
        .likely("The KDC or the client restricts the ticket in a way that this service does not know; to ignore it could grant too much.")
        .likely("A client of the time before RFC 4120 sends data as critical that is not.")
        .next("Ask the KDC's operator what puts this element into tickets.")
        .next("Let the service ignore unknown critical elements, if its policy allows (older servers and Windows do)."),
        ChecksumType { cksumtype } => Explanation::new(
            "AP_CKSUM_TYPE",
            format!("The checksum is of type {cksumtype}, which cannot protect anything under this key."),
        )
        .fact("cksumtype", cksumtype)
        .likely("The client uses a checksum without a key (CRC-32, MD5), or one that belongs to another encryption type.")
        .likely("Somebody changed the request and computed a checksum that needs no key.")
        .next("klist -e   # on the client: the session key's type"),
        ChecksumMismatch => Explanation::new(
            "AP_CKSUM_MISMATCH",
            "The checksum does not fit the data: one of them was changed after the checksum was made.",
        )
        .likely("The two sides put the checksum over different octets of the application's data.")
        .likely("The data was changed on its way.")
        .next("Compare the octets that the client put the checksum over with those that the service checked."),
        ChecksumMissing => Explanation::new(
            "AP_CKSUM_MISSING",
            "The authenticator has no checksum, and this protocol demands one.",
        )
        .likely("The client is not a GSS-API client, or a very old one.")
        .likely("The request is for another protocol than this service speaks."),
        GssChecksum { why, len } => Explanation::new(
            "GSS_CHECKSUM",
            format!("The GSS checksum (0x8003) of the authenticator is damaged: {why}."),
        )
        .fact("problem", why)
        .fact("length", format!("{len} octets; 24 without delegation"))
        .likely("The client builds the checksum wrongly; its delegation part is where most go wrong.")
        .next("Try the client without delegation of credentials."),
        Mechanism { oid } => mechanism(oid),
        ChannelBindings { sent: true } => Explanation::new(
            "GSS_BINDINGS_MISMATCH",
            "The client bound itself to another channel than the one it came by: its channel bindings differ from ours.",
        )
        .fact("client sent", "channel bindings")
        .likely("TLS ends before this service (a proxy, a load balancer), so client and service see different certificates.")
        .likely("The service was given another certificate than the one it shows, or another type of binding.")
        .likely("Somebody sits between the two and relays the exchange.")
        .next("openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -fingerprint -sha256   # from the client, and on the server: must agree"),
        ChannelBindings { sent: false } => Explanation::new(
            "GSS_BINDINGS_MISSING",
            "The client sent no channel bindings, and this service requires them.",
        )
        .fact("client sent", "no channel bindings")
        .likely("The client cannot do it (curl and most scripts), or does not know that the connection is TLS because a proxy ends it.")
        .likely("Somebody relays an exchange that was meant for a connection without TLS.")
        .next("Make channel bindings optional in the service's policy until all its clients send them."),
        Replay { client, ctime, first_seen, now, cache, tag } => {
            let tag: String = tag.iter().map(|octet| format!("{octet:02x}")).collect();
            let since = first_seen.map(|first| now.micros_since(first).max(0));
            let explanation = Explanation::new(
                "AP_REPLAY",
                format!("This request of {} (made at {ctime}) was seen before.", short(client)),
            )
            .fact("client", client)
            .fact("made at", ctime)
            .fact("first seen", match (first_seen, since) {
                (Some(first), Some(since)) => format!("{first}, {} ago", span(since)),
                _ => "the cache does not remember when".to_owned(),
            })
            .fact("our time", now)
            .fact("replay cache", cache.unwrap_or("one that was asked elsewhere"))
            .fact("connection", "the cache remembers none; the record of the first request says where that came from")
            .fact("replay tag", &tag);
            // A machine repeats at once; whoever recorded the request comes when it suits him.
            let twice = [
                "Something on the way sent it twice: a proxy's retry, a redirect inside the server, a retransmission.",
                "Two workers of the service share a replay cache, and the request was given to both.",
            ];
            let later = [
                "The client uses one authenticator for several requests.",
                "Somebody recorded the request and plays it back.",
            ];
            let reasons = match since {
                Some(10_000_000..) => [later, twice],
                _ => [twice, later],
            };
            let explanation = reasons.as_flattened().iter().fold(explanation, |e, why| e.likely(why));
            explanation
                .next(format!("grep {tag} LOG   # the records of both requests: one source is a proxy or a retry, two are an attack"))
                .next("Switch off retries for requests with an Authorization header in the proxy.")
        }
        ReplayCacheFull { entries } => Explanation::new(
            "AP_REPLAY_CACHE_FULL",
            format!("The replay cache holds {entries} requests and takes no more; a request that cannot be remembered is not accepted."),
        )
        .fact("entries", entries)
        .likely("More requests come within the clock skew than the cache was made for.")
        .likely("Somebody floods the service with valid requests.")
        .next("Give the replay cache more room, or let clients keep their connections."),
        ReplayCacheYoung { ready, now } => Explanation::new(
            "AP_REPLAY_CACHE_YOUNG",
            format!("The replay cache was started a moment ago and cannot know what came before; requests are accepted from {ready} on, in {}.", span(ready.micros_since(*now))),
        )
        .fact("accepts from", ready)
        .fact("our time", now)
        .likely("The service was restarted, and its replay cache is in memory.")
        .next("Wait, or use a replay cache that survives a restart.")
        .next("Where the protocol protects itself against replays (an acceptor subkey on all that follows), switch this rule off."),
        ReplayCacheUnavailable { why } => Explanation::new(
            "AP_REPLAY_CACHE_UNAVAILABLE",
            format!("The replay cache does not answer ({why}); a request that cannot be remembered is not accepted."),
        )
        .fact("replay cache", why)
        .likely("The file of the cache belongs to another user, is a link, or its disk is full.")
        .likely("The server of the cache is down, too slow, or does not admit this service.")
        .next("Look at the cache itself: KRB5RCACHENAME and KRB5RCACHEDIR name its file, the service's configuration its server.")
        .next("Whether the service goes on when its cache fails is a choice of its configuration; the default is not."),
        Pac { why, code } => pac(why, *code),
        PacMissing { required } if required.contains("LOGON_INFO") => Explanation::new(
            "PAC_NO_LOGON_INFO",
            "The ticket's PAC is genuine and has no LOGON_INFO, and policy requires one.",
        )
        .fact("required", required)
        .likely("The KDC is no domain controller: MIT krb5 since 1.20 puts a PAC into every ticket that holds the client's name and the signatures, and no groups. That is harmless.")
        .likely("The account has no security identifier yet (FreeIPA, Samba).")
        .next("Require LOGON_INFO only where groups are used; ask for a PAC alone (Required), or for none.")
        .next("ipa config-mod --enable-sid --add-sids   # FreeIPA: gives the accounts identifiers"),
        PacMissing { required } => Explanation::new(
            "PAC_MISSING",
            format!("The ticket has no PAC, and policy requires one: {required}."),
        )
        .fact("required", required)
        .likely("The KDC makes no PACs (MIT before 1.20, or disable_pac), or the account is marked as not needing one.")
        .likely("The client asked for a ticket without one.")
        .next("Active Directory: clear NO_AUTH_DATA_REQUIRED (0x2000000) in the account's userAccountControl.")
        .next("Do not require a PAC where only the name is used."),
        Anonymous => Explanation::new(
            "AP_ANONYMOUS",
            "The client is anonymous, and this service does not admit such clients.",
        )
        .likely("The client used an anonymous ticket (kinit -n), perhaps one meant as FAST armour only.")
        .next("klist   # on the client: WELLKNOWN/ANONYMOUS")
        .next("kinit   # on the client: a ticket with a name"),
        WellKnown { name, code } => Explanation::new(
            codes::well_known(*code),
            format!("{} is a reserved name that is not known here.", short(name)),
        )
        .fact("name", name)
        .likely("The ticket uses an extension (RFC 6111) that this service does not have.")
        .likely("Somebody made a realm or principal whose name begins with WELLKNOWN."),
        NoTgt => Explanation::new(
            "AP_NO_TGT",
            "The ticket is sealed under the session key of a TGT of ours (user-to-user), and we have no TGT.",
        )
        .likely("The service runs without a keytab under a user's account, and that user's TGT is not there or has ended.")
        .next("klist   # as the user the service runs as")
        .next("kinit   # as that user"),
        UserToUserRequired => Explanation::new(
            "AP_USER_TO_USER_REQUIRED",
            "This service accepts only user-to-user tickets, and the client sent an ordinary one.",
        )
        .likely("The service has no long-term key of its own; the client must ask it for its TGT first.")
        .next("Use a client that can do user-to-user, or give the service a keytab."),
        Mutual { why, server } => Explanation::new(
            "AP_MUTUAL",
            format!("{} did not prove itself: {why}.", short(server)),
        )
        .fact("server", server)
        .fact("problem", why)
        .likely("The server does not answer mutual authentication, or something on the way removed its answer (an error page, a proxy).")
        .likely("The answer belongs to another request.")
        .likely("The server does not have the service's key: it is not the server it claims to be.")
        .next(format!("kvno {}   # whether a ticket for the name can be had", sh(server)))
        .next("Send nothing confidential to this peer."),
        ReplyModified { server } => Explanation::new(
            "AP_REPLY_MODIFIED",
            format!(
                "{} did not prove itself: its AP-REP does not open under the session key.",
                short(server)
            ),
        )
        .fact("server", server)
        .likely("The answer belongs to another request, or was damaged on its way.")
        .likely("The server could not open our ticket and made the answer up: it is not the server it claims to be.")
        .next(format!("kvno {}   # whether a ticket for the name can be had", sh(server)))
        .next("Send nothing confidential to this peer."),
        Message { why, code } => message(why, *code),
        Session { message, fault } => session(*message, fault),
        ReplyKey { client, enctype } => Explanation::new(
            "KDC_REPLY_KEY",
            format!("The KDC's reply does not open under the {enctype} key of {}.", short(client)),
        )
        .fact("client", client)
        .fact("enctype", enctype)
        .likely("The password is wrong, and the KDC did not ask for proof of it beforehand.")
        .likely("The keytab is older than the account's last change of password.")
        .likely("The key was made with another salt than the account has (a renamed account).")
        .next(format!("kinit {}   # whether the password is right", sh(client)))
        .next("klist -kte FILE   # on a keytab: its versions and enctypes"),
        KdcReply { why } => Explanation::new(
            "KDC_REPLY",
            format!("The KDC's reply is not the answer to our request: {}.", short(why)),
        )
        .fact("problem", why)
        .likely("A reply to an earlier request of ours came late (UDP).")
        .likely("The KDC canonicalises or refers where it was not asked to.")
        .likely("Somebody answers in the KDC's place.")
        .next("Try again, over TCP: udp_preference_limit = 1 in [libdefaults] of krb5.conf."),
        Kdc { code, why } => Explanation::new(
            codes::answered(*code),
            format!("The KDC refuses the request with {code} ({}): {}.", code.0, short(why)),
        )
        .fact("problem", why)
        .likely("The rule named above; the client is told the code alone."),
        NoCommonMechanism { offered } => negotiated::no_common(offered),
        Negotiation { why } => negotiated::broken(why),
        NegotiationRefused => negotiated::refused(),
        Sasl { why } => negotiated::sasl(why),
        SecurityLayer { theirs, ours } => negotiated::layer(theirs, ours),
        Authorization { client, authzid } => negotiated::authorization(client, authzid),
    }
}

fn with_clock(explanation: Explanation, theirs: Timestamp, ours: Timestamp) -> Explanation {
    match clock_reason(theirs, ours) {
        Some(reason) if theirs.micros_since(ours).unsigned_abs() > 365 * 86_400 * 1_000_000 => {
            explanation.likely(reason)
        }
        _ => explanation,
    }
}

fn skew(
    client_time: Timestamp,
    now: Timestamp,
    limit: u64,
    issued: Option<KerberosTime>,
) -> Explanation {
    let micros = client_time.micros_since(now);
    let direction = ahead(micros);
    let explanation = Explanation::new(
        "AP_CLOCK_SKEW",
        format!(
            "The client's clock is {} {direction} ours; at most {limit} s are allowed.",
            span(micros)
        ),
    )
    .fact("client's time", client_time)
    .fact("our time", now)
    .fact(
        "offset",
        format!("{} (the client is {direction} us)", offset(micros)),
    )
    .fact("limit", format!("{limit} s"));
    let explanation = match issued {
        Some(issued) => against_the_kdc(explanation, client_time, now, issued),
        None => explanation,
    };
    let explanation = match clock_reason(client_time, now) {
        Some(reason) => explanation.likely(reason),
        None => explanation,
    };
    explanation
        .likely("One of the two machines does not keep its clock by NTP.")
        .likely("The request was held up on its way, or is an old one played back.")
        .nexts(CLOCKS)
        .next("date -u   # on the client, on this machine and on the KDC: the one that differs from the KDC is wrong")
}

/// The KDC's clock was at `issued` when it made the ticket, and has gone on since: a clock before
/// that is wrong. Its times have no fraction.
fn against_the_kdc(
    explanation: Explanation,
    client_time: Timestamp,
    now: Timestamp,
    issued: KerberosTime,
) -> Explanation {
    let kdc = Timestamp::from(issued);
    let behind = |clock: Timestamp| Some(kdc.micros_since(clock)).filter(|gap| *gap > 1_000_000);
    let explanation = explanation.fact("ticket issued", format!("{issued}, by the KDC's clock"));
    let (client, ours) = (behind(client_time), behind(now));
    let verdict = match (client, ours) {
        (Some(gap), None) => format!("the client's clock is behind the KDC's, by {} at least", span(gap)),
        (None, Some(gap)) => format!("our clock is behind the KDC's, by {} at least", span(gap)),
        (Some(_), Some(_)) => "both clocks are behind the KDC's".to_owned(),
        (None, None) => "neither clock is before the ticket: one of them is ahead, or stands behind by less than the ticket's age".to_owned(),
    };
    let explanation = explanation.fact("against the KDC", &verdict);
    match (client, ours) {
        (None, None) => explanation,
        _ => explanation.likely(format!("By the ticket, {verdict}.")),
    }
}

/// The mechanisms that are met where Kerberos was meant.
fn mechanism(oid: &str) -> Explanation {
    let name = negotiated::mechanism_name(oid).unwrap_or("unknown here");
    let explanation = Explanation::new(
        "GSS_MECHANISM",
        format!(
            "The token is of another mechanism, {} ({name}); Kerberos is 1.2.840.113554.1.2.2.",
            short(oid)
        ),
    )
    .fact("mechanism", format!("{oid} ({name})"));
    match name {
        "SPNEGO" => explanation
            .likely("The client negotiates the mechanism, and the token was given to Kerberos as it is.")
            .next("Give the token to the SPNEGO acceptor, not to the Kerberos one."),
        "NTLM" | "NegoEx" => explanation
            .likely("The client could not get a Kerberos ticket for the name of the service and fell back.")
            .next("kvno HTTP/HOST   # on the client: why it gets no ticket (Windows: klist get HTTP/HOST)"),
        _ => explanation.likely("The client was told to use another mechanism than Kerberos."),
    }
}

fn pac(why: &str, code: ErrorCode) -> Explanation {
    let explanation = Explanation::new(
        codes::pac(code),
        format!("The PAC of the ticket is refused: {}.", short(&why)),
    )
    .fact("problem", why);
    match code {
        ErrorCode::KDC_ERR_SUMTYPE_NOSUPP => explanation
            .likely("A signature of the PAC is of a type without a key, or of one that does not belong to the key's encryption type.")
            .likely("Somebody forged the PAC.")
            .next("klist -e   # on the client: the type that the ticket is sealed with"),
        ErrorCode::KDC_ERR_POLICY | ErrorCode::KDC_ERR_TGT_REVOKED => explanation
            .likely("The PAC speaks for another account or domain than it may.")
            .next("kdestroy && kinit   # on the client: a ticket with a PAC of today"),
        _ => explanation
            .likely("The keytab has a key that opens the ticket, and the PAC was signed with another: a KDC that re-seals tickets without signing anew.")
            .likely("The KDC makes PACs that break the rules of MS-PAC.")
            .likely("The PAC was changed, or taken from another ticket.")
            .next("kdestroy && kinit   # on the client: a new ticket (Windows: klist purge)")
            .next("Without a verified PAC there are no groups: let the service accept the name alone only if it needs no groups."),
    }
}

fn session(kind: MsgType, fault: &SessionFault) -> Explanation {
    let code = codes::session(fault);
    let explanation = Explanation::new(code, format!("A {kind} is refused: {fault}."))
        .fact("message", kind)
        .fact("problem", fault);
    match fault {
        SessionFault::Reflected => explanation
            .likely("Somebody sends our own messages back to us.")
            .likely("The program reads what it wrote itself: both ends of a connection are in its hands."),
        SessionFault::InTheClear => explanation
            .likely("The sender relies on a channel that protects the message; this one protects nothing.")
            .next("Let the sender encrypt it, or send it in a GSS-API context."),
        SessionFault::Undated => explanation
            .likely("Somebody took time and number out of the message; no sender leaves out both.")
            .next("Close the connection."),
        SessionFault::Nonce => explanation
            .likely("The message answers an earlier request.")
            .likely("MIT krb5 sends its next sequence number as the nonce where sequence numbers are on."),
        SessionFault::TooMany { .. } => explanation
            .likely("The session is busier than the memory it was configured with.")
            .next("Give the session more memory, or use sequence numbers instead of times."),
        _ => advise(explanation, fault.code()),
    }
}

fn message(why: &str, code: ErrorCode) -> Explanation {
    let explanation = Explanation::new(
        codes::message(code),
        format!("A protected message is refused: {why}."),
    )
    .fact("problem", why);
    advise(explanation, code)
}

/// What has likely happened to a protected message that is refused with this code.
fn advise(explanation: Explanation, code: ErrorCode) -> Explanation {
    match code {
        ErrorCode::KRB_AP_ERR_BADORDER | ErrorCode::KRB_AP_ERR_BADSEQ => explanation
            .likely("A message was lost or overtaken on its way (a datagram protocol).")
            .likely("Two threads of the sender share one context without a lock.")
            .likely("Somebody removed or replaced a message."),
        ErrorCode::KRB_AP_ERR_REPEAT => explanation
            .likely("The message was sent twice.")
            .likely("Somebody plays it back."),
        ErrorCode::KRB_AP_ERR_SKEW => explanation
            .likely("The clocks of the two machines differ, or the message was held up.")
            .nexts(CLOCKS),
        ErrorCode::KRB_AP_ERR_BADADDR => explanation
            .likely("There is a NAT between the two sides.")
            .likely("The message is our own, sent back to us."),
        ErrorCode::KRB_AP_ERR_BADDIRECTION => {
            explanation.likely("The message is our own, sent back to us.")
        }
        ErrorCode::KRB_AP_ERR_INAPP_CKSUM => explanation
            .likely("The sender uses a checksum without a key, or one of another encryption type."),
        ErrorCode::KRB_AP_ERR_TKT_EXPIRED => explanation
            .likely("The ticket ended while the connection stayed open.")
            .next("kinit   # on the client, then a new connection"),
        _ => explanation
            .likely("The two sides hold different keys: the messages are from another context.")
            .likely("The message was changed or cut on its way.")
            .next("Close the connection; a context that lost a message cannot be repaired."),
    }
}

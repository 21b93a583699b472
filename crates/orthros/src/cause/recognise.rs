//! What octets are that should have been a Kerberos message and are not.

use crate::wire::Malformed;

/// A thing that is often found where a Kerberos message should be.
pub(super) struct Known {
    /// What it is, with its article.
    pub(super) label: &'static str,
    pub(super) code: &'static str,
    pub(super) reason: &'static str,
    pub(super) fixes: &'static [&'static str],
}

macro_rules! known {
    ($($name:ident $label:literal $code:literal $reason:literal [$($fix:literal),* $(,)?])*) => {
        $(const $name: &str = $label;)*
        pub(super) const KNOWN: &[Known] = &[$(Known {
            label: $label,
            code: $code,
            reason: $reason,
            fixes: &[$($fix),*],
        }),*];
    };
}

known! {
    EMPTY "empty" "MALFORMED_EMPTY"
        "The other side had nothing to say and sent a token all the same, or a proxy removed it."
        ["Look at the octets as the sender sent them."]
    NTLM_NEGOTIATE "an NTLM NEGOTIATE message" "MALFORMED_NTLM_NEGOTIATE"
        "The client could not get a Kerberos ticket for the name of the service and fell back to NTLM."
        [
            "kvno HTTP/HOST   # on the client: why it gets no ticket (Windows: klist get HTTP/HOST)",
            "Use the service's registered host name in the URL, not an address, a short name or localhost; browsers need the site in their list (AuthServerAllowlist, network.negotiate-auth.trusted-uris, the intranet zone).",
        ]
    NTLM_CHALLENGE "an NTLM CHALLENGE message" "MALFORMED_NTLM_CHALLENGE"
        "The server answers with NTLM: it did not accept Kerberos, or something in front of it offers NTLM."
        ["setspn -Q HTTP/HOST   # Active Directory: whether the service has a Kerberos name"]
    NTLM_AUTHENTICATE "an NTLM AUTHENTICATE message" "MALFORMED_NTLM_AUTHENTICATE"
        "An NTLM exchange that began elsewhere goes on here, for example behind a load balancer."
        ["Offer Negotiate only where Kerberos is accepted, and NTLM nowhere."]
    NTLM_SPNEGO "a SPNEGO token with NTLM inside" "MALFORMED_NTLM_IN_SPNEGO"
        "The client could not get a Kerberos ticket for the name of the service and fell back to NTLM."
        [
            "kvno HTTP/HOST   # on the client: why it gets no ticket (Windows: klist get HTTP/HOST)",
            "Use the service's registered host name in the URL, not an address, a short name or localhost; browsers need the site in their list (AuthServerAllowlist, network.negotiate-auth.trusted-uris, the intranet zone).",
        ]
    NEGOEX "a NegoEx message" "MALFORMED_NEGOEX"
        "The client negotiates by NegoEx (Windows, PKU2U): it has no Kerberos ticket for this name."
        ["kvno HTTP/HOST   # on the client: why it gets no ticket (Windows: klist get HTTP/HOST)"]
    SPNEGO_INIT "a SPNEGO NegTokenInit" "MALFORMED_SPNEGO_INIT"
        "The client negotiates the mechanism by SPNEGO, and the octets were given to Kerberos as they are."
        ["Give the token to the SPNEGO acceptor, not to the Kerberos one."]
    SPNEGO_RESP "a SPNEGO NegTokenResp" "MALFORMED_SPNEGO_RESP"
        "A later leg of a SPNEGO negotiation was given to Kerberos, or came where a first leg was due (another connection, another worker)."
        ["Give all tokens of one negotiation to one context; behind a load balancer, keep the connection on one worker."]
    GSS_KRB5 "a GSS-API token of Kerberos" "MALFORMED_GSS_KRB5"
        "The token has the framing of RFC 4121, and the message inside was looked for without it."
        ["Give the token to the GSS-API acceptor."]
    GSS_OTHER "a GSS-API token of another mechanism" "MALFORMED_GSS_OTHER"
        "The client chose another mechanism than Kerberos."
        ["Look at the object identifier at the token's beginning: openssl asn1parse -inform DER -in FILE"]
    BASE64 "base64 text" "MALFORMED_BASE64"
        "The token was not decoded, or was encoded twice."
        ["Decode the value of the Authorization or WWW-Authenticate header once, without its first word."]
    HEADER "an HTTP header value" "MALFORMED_HTTP_HEADER"
        "The scheme's name was left in front of the token."
        ["Cut off \"Negotiate \" and decode the rest from base64."]
    HTTP "HTTP text" "MALFORMED_HTTP"
        "The other side speaks HTTP: a wrong port, or a proxy that answers in the peer's place."
        ["Check host and port; a KDC listens on 88, a KDC proxy is reached by HTTPS only."]
    HTML "an HTML page" "MALFORMED_HTML"
        "A proxy or a login page answers in the peer's place."
        ["Open the address in a browser and see who answers."]
    TLS "a TLS record" "MALFORMED_TLS"
        "The other side speaks TLS on this port, and nothing took it off."
        ["openssl s_client -connect HOST:PORT   # whether the port is a TLS port"]
    SSH "SSH text" "MALFORMED_SSH"
        "The other side is an SSH peer: a wrong port."
        ["Check host and port."]
    SMB "an SMB message" "MALFORMED_SMB"
        "The other side is an SMB peer: a wrong port."
        ["Check host and port."]
    LENGTH "a Kerberos message behind a length of four octets" "MALFORMED_TCP_LENGTH"
        "The length that goes before a message over TCP was not taken off."
        ["Take off the first four octets."]
    SENDAUTH "a sendauth version string" "MALFORMED_SENDAUTH"
        "The client uses the older sendauth protocol (krb5_sendauth), which frames the AP-REQ."
        ["Use a server that speaks sendauth for such clients (kprop, rcmd)."]
    KEYTAB "a keytab file" "MALFORMED_KEYTAB"
        "A file was given where a message is due."
        ["klist -kte FILE   # what is in it"]
    CCACHE "a credential cache file" "MALFORMED_CCACHE"
        "A file was given where a message is due."
        ["klist -c FILE   # what is in it"]
    PEM "PEM text" "MALFORMED_PEM"
        "A certificate or key was given where a message is due."
        ["openssl x509 -in FILE -noout -subject   # what is in it"]
    HEX "hexadecimal text" "MALFORMED_HEX"
        "The octets were printed as text on their way."
        ["xxd -r -p FILE   # back to octets"]
    BER "BER of indefinite length" "MALFORMED_BER"
        "The sender encodes in BER; the standard demands DER, and so does this library."
        ["Report it to the makers of the sender."]
    ZEROS "nothing but zero octets" "MALFORMED_ZEROS"
        "A buffer was sent that was never filled."
        ["Report it to the makers of the sender."]
    KERBEROS_4 "a message of Kerberos 4" "MALFORMED_KERBEROS_4"
        "The sender speaks Kerberos 4, which is not safe and not spoken here."
        ["Replace the client."]
    AS_REQ "an AS-REQ" "MALFORMED_IS_AS_REQ"
        "A request for a KDC came here: a wrong port, or the messages are out of step."
        ["Check host and port; a KDC listens on 88."]
    AS_REP "an AS-REP" "MALFORMED_IS_AS_REP"
        "A reply to another request came: the messages are out of step."
        ["Close the connection and begin again."]
    TGS_REQ "a TGS-REQ" "MALFORMED_IS_TGS_REQ"
        "A request for a KDC came here: a wrong port, or the messages are out of step."
        ["Check host and port; a KDC listens on 88."]
    TGS_REP "a TGS-REP" "MALFORMED_IS_TGS_REP"
        "A reply to another request came: the messages are out of step."
        ["Close the connection and begin again."]
    AP_REQ "an AP-REQ" "MALFORMED_IS_AP_REQ"
        "A request for a service came here without the framing that this protocol puts around it, or to a KDC."
        ["Check which protocol the two sides speak: bare AP-REQ, GSS-API or SPNEGO."]
    AP_REP "an AP-REP" "MALFORMED_IS_AP_REP"
        "The messages are out of step, or somebody sends our own message back."
        ["Close the connection and begin again."]
    KRB_ERROR "a KRB-ERROR" "MALFORMED_IS_KRB_ERROR"
        "The other side refused the message before and says why in this one."
        ["Decode it as a KRB-ERROR and look at its error-code."]
    KRB_SAFE "a KRB-SAFE" "MALFORMED_IS_KRB_SAFE"
        "A message of the session came before the session was established, or to another party."
        ["Close the connection and begin again."]
    KRB_PRIV "a KRB-PRIV" "MALFORMED_IS_KRB_PRIV"
        "A message of the session came before the session was established, or to another party."
        ["Close the connection and begin again."]
    KRB_CRED "a KRB-CRED" "MALFORMED_IS_KRB_CRED"
        "Credentials (a .kirbi file) were given where another message is due."
        ["Read them with a tool that imports them into a credential cache."]
    TICKET "a Ticket" "MALFORMED_IS_TICKET"
        "A bare ticket was given where a message is due; the ticket alone proves nothing."
        ["Put it into an AP-REQ with an authenticator."]
}

/// 1.3.6.1.5.5.2, with tag and length.
const OID_SPNEGO: &[u8] = &[0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
/// 1.2.840.113554.1.2.2, Kerberos.
const OID_KRB5: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
/// 1.2.840.48018.1.2.2, Kerberos as early Windows spelt it.
const OID_KRB5_MS: &[u8] = b"\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02";

/// What these octets look like, if they look like something that is often found where a
/// Kerberos message should be; with its article, for a sentence.
///
/// It looks at the beginning only and says nothing about whether the rest is well formed.
pub fn recognise(octets: &[u8]) -> Option<&'static str> {
    if octets.is_empty() {
        return Some(EMPTY);
    }
    if let Some(rest) = octets.strip_prefix(b"NTLMSSP\0") {
        return Some(match rest.first() {
            Some(2) => NTLM_CHALLENGE,
            Some(3) => NTLM_AUTHENTICATE,
            _ => NTLM_NEGOTIATE,
        });
    }
    if octets.starts_with(b"NEGOEXTS") {
        return Some(NEGOEX);
    }
    if octets.iter().all(|octet| *octet == 0) {
        return Some(ZEROS);
    }
    let text = text(octets).or_else(|| framed(octets));
    if text.is_some() {
        return text;
    }
    match octets {
        [0x16, 0x03, 0x00..=0x04, ..] | [0x15, 0x03, 0x00..=0x04, _, 0x02, ..] => Some(TLS),
        [0xff | 0xfe, b'S', b'M', b'B', ..] => Some(SMB),
        [0x05, 0x01 | 0x02, 0x00 | 0xff, ..] => Some(KEYTAB),
        [0x05, 0x01..=0x04, 0x00, ..] => Some(CCACHE),
        [0x04, 0x02 | 0x04 | 0x06 | 0x08 | 0x0a, ..] => Some(KERBEROS_4),
        [0x60..=0x7e | 0xa0 | 0xa1 | 0x30, 0x80, ..] => Some(BER),
        [0xa0, ..] if ntlm_inside(octets) => Some(NTLM_SPNEGO),
        [0xa1, ..] if ntlm_inside(octets) => Some(NTLM_SPNEGO),
        [0xa0, ..] if element(octets) => Some(SPNEGO_INIT),
        [0xa1, ..] if element(octets) => Some(SPNEGO_RESP),
        _ => message(octets),
    }
}

/// Says in `malformed` what the octets are, if [`recognise`] knows.
#[must_use]
pub fn recognised(malformed: Malformed, octets: &[u8]) -> Malformed {
    match recognise(octets) {
        Some(label) if !label.ends_with(malformed.what) => Malformed::new(malformed.what, 0, label),
        _ => malformed,
    }
}

/// What is known about a label.
pub(super) fn lookup(label: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.label == label)
}

/// An APPLICATION tag: a message of ours or a GSS-API token.
fn message(octets: &[u8]) -> Option<&'static str> {
    if !element(octets) {
        return None;
    }
    Some(match octets.first()? {
        0x60 => {
            let contents = contents(octets)?;
            if contents.starts_with(OID_SPNEGO) {
                if ntlm_inside(contents) {
                    NTLM_SPNEGO
                } else {
                    SPNEGO_INIT
                }
            } else if contents.starts_with(OID_KRB5) || contents.starts_with(OID_KRB5_MS) {
                GSS_KRB5
            } else if contents.first() == Some(&0x06) {
                GSS_OTHER
            } else {
                return None;
            }
        }
        0x61 => TICKET,
        0x6a => AS_REQ,
        0x6b => AS_REP,
        0x6c => TGS_REQ,
        0x6d => TGS_REP,
        0x6e => AP_REQ,
        0x6f => AP_REP,
        0x74 => KRB_SAFE,
        0x75 => KRB_PRIV,
        0x76 => KRB_CRED,
        0x7e => KRB_ERROR,
        _ => return None,
    })
}

/// Whether the octets are one element: its length is theirs.
fn element(octets: &[u8]) -> bool {
    contents(octets).is_some()
}

/// The contents of the one element that the octets are.
fn contents(octets: &[u8]) -> Option<&[u8]> {
    let (&length, rest) = octets.get(1..)?.split_first()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0u64, |sum, digit| sum << 8 | u64::from(*digit));
        (usize::try_from(length).ok()?, rest)
    };
    (rest.len() == length).then_some(rest)
}

/// How far into a SPNEGO token its inner token is looked for.
const SPNEGO_HEAD: usize = 512;

fn ntlm_inside(octets: &[u8]) -> bool {
    octets
        .get(..octets.len().min(SPNEGO_HEAD))
        .is_some_and(|head| head.windows(8).any(|window| window == b"NTLMSSP\0"))
}

/// A length in four octets, big-endian, with as many octets behind it.
fn framed(octets: &[u8]) -> Option<&'static str> {
    let (length, rest) = octets.split_first_chunk::<4>()?;
    if u32::from_be_bytes(*length) as usize != rest.len() {
        return None;
    }
    if rest.starts_with(b"KRB5_SENDAUTH_V1.") {
        Some(SENDAUTH)
    } else {
        message(rest).map(|_| LENGTH)
    }
}

fn text(octets: &[u8]) -> Option<&'static str> {
    const VERBS: &[&[u8]] = &[
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"OPTIONS ",
        b"CONNECT ",
        b"DELETE ",
        b"PATCH ",
        b"HTTP/1.",
        b"HTTP/2",
        b"PRI * HTTP/2",
    ];
    let starts = |word: &[u8]| {
        octets
            .get(..word.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(word))
    };
    if starts(b"Negotiate ") || starts(b"Kerberos ") || starts(b"NTLM ") {
        Some(HEADER)
    } else if VERBS.iter().any(|verb| octets.starts_with(verb)) {
        Some(HTTP)
    } else if starts(b"<!doctype") || starts(b"<html") {
        Some(HTML)
    } else if octets.starts_with(b"SSH-") {
        Some(SSH)
    } else if octets.starts_with(b"-----BEGIN ") {
        Some(PEM)
    } else if octets.len() >= 8 {
        let (body, hex) = (octets.trim_ascii(), u8::is_ascii_hexdigit);
        let base64 = |o: &u8| o.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(o);
        if body.iter().all(hex) && body.iter().any(u8::is_ascii_digit) {
            Some(HEX)
        } else if body.iter().all(base64) {
            Some(BASE64)
        } else {
            None
        }
    } else {
        None
    }
}

//! Which key was looked for, what the keytab has, and what the difference says.

use super::words::{sh, short};
use super::{ENTRY, Explanation};
use crate::crypto::Enctype;
use crate::error::{ConsideredKey, KeyVerdict};
use crate::principal::Principal;

const LIST: &str = "klist -kte KEYTAB   # what the keytab holds";
const KEEP: &str = "Keep the old entries until the last ticket sealed with them has ended.";

impl Explanation {
    fn entries(self, considered: &[ConsideredKey]) -> Self {
        if considered.is_empty() {
            return self.fact(ENTRY, "none");
        }
        considered
            .iter()
            .fold(self, |this, key| this.fact(ENTRY, key))
    }

    fn kvno(self, kvno: Option<u32>) -> Self {
        match kvno {
            Some(kvno) => self.fact("ticket kvno", kvno),
            None => self.fact("ticket kvno", "not said"),
        }
    }

    /// How a keytab is written anew.
    fn new_keytab(self, server: &Principal) -> Self {
        let name = sh(server);
        self.next(format!(
            "kadmin.local ktadd -norandkey -k KEYTAB {name}   # MIT, on the KDC: writes the keys as they are"
        ))
        .next(format!(
            "kadmin ktadd -k KEYTAB {name}   # MIT, from afar: makes a new version and adds it; older tickets stop working"
        ))
        .next(format!(
            "ktpass /princ {name} /mapuser ACCOUNT /pass * /crypto AES256-SHA1 /ptype KRB5_NT_PRINCIPAL /in OLD.keytab /out NEW.keytab   # Active Directory: sets the password, so a new version"
        ))
        .next(KEEP)
    }
}

/// The keys of `considered` that are the server's own.
fn own<'a>(
    server: &'a Principal,
    considered: &'a [ConsideredKey],
) -> impl Iterator<Item = &'a ConsideredKey> {
    considered
        .iter()
        .filter(move |key| key.principal == *server)
}

fn list<T: ToString + PartialOrd>(items: impl Iterator<Item = T>) -> String {
    let mut all: Vec<T> = Vec::new();
    for item in items {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    match all.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

pub(super) fn no_key(server: &Principal, considered: &[ConsideredKey]) -> Explanation {
    let shown = short(server);
    if considered.is_empty() {
        return Explanation::new(
            "AP_NOKEY_EMPTY_KEYTAB",
            format!("The ticket is for {shown}, and the keytab has no key at all."),
        )
        .fact("ticket server", server)
        .entries(considered)
        .likely("The service reads another keytab than the one that was written (KRB5_KTNAME, default_keytab_name, /etc/krb5.keytab).")
        .likely("Every entry of the keytab has an encryption type that this build cannot use.")
        .next(LIST)
        .next("env | grep KRB5_KTNAME   # as the user the service runs as")
        .new_keytab(server);
    }
    if let Some(key) = considered
        .iter()
        .find(|key| key.verdict == KeyVerdict::Alias)
    {
        return Explanation::new(
            "AP_NOKEY_ALIAS",
            format!(
                "The ticket is for {shown}, and the key of {} opens it: both are names of one account, and the keytab has only the other.",
                short(&key.principal)
            ),
        )
        .fact("ticket server", server)
        .entries(considered)
        .likely("The client used an alias of the account (Active Directory: another servicePrincipalName of it), and the keytab was written for one name only.")
        .next(LIST)
        .next(format!("setspn -Q {}   # Active Directory: which account the name belongs to", sh(&server.name())))
        .next(format!("Write a keytab entry for {shown} too, with the same key; accept the name only if it is this service's."));
    }
    let same_name = |key: &&ConsideredKey| key.principal.components().eq(server.components());
    let no_case = |key: &&ConsideredKey| {
        key.principal
            .to_string()
            .eq_ignore_ascii_case(&server.to_string())
    };
    if let Some(key) = considered.iter().find(no_case) {
        return Explanation::new(
            "AP_NOKEY_CASE",
            format!(
                "The ticket is for {shown}, and the keytab has {} instead: names are compared exactly, upper and lower case too.",
                short(&key.principal)
            ),
        )
        .fact("ticket server", server)
        .entries(considered)
        .likely("The client composed the name from a URL or host name in another case.")
        .likely("The keytab was written with the case of the directory, which does not distinguish it (Active Directory).")
        .next(LIST)
        .next(format!("kvno {}   # what the KDC says to the name as the keytab has it", sh(&key.principal)))
        .next(format!("Write a keytab entry for {shown} too; both may hold the same key."));
    }
    if let Some(key) = considered.iter().find(same_name) {
        return Explanation::new(
            "AP_NOKEY_REALM",
            format!(
                "The ticket is for {shown}, and the keytab has this name only in the realm {}.",
                short(&key.principal.realm())
            ),
        )
        .fact("ticket server", server)
        .entries(considered)
        .likely("The client maps the service's host to another realm than the service is in (domain_realm).")
        .likely("The keytab was written in another realm, for example a test realm.")
        .next(LIST)
        .next("grep -A20 domain_realm /etc/krb5.conf   # on the client");
    }
    let explanation = Explanation::new(
        "AP_NOKEY",
        format!(
            "The ticket is for {shown}, and the keytab has no key for that name; it has keys for {}.",
            short(&list(considered.iter().map(|key| key.principal.to_string())))
        ),
    )
    .fact("ticket server", server)
    .entries(considered);
    // The class of a service name, `HTTP` of `HTTP/host`.
    let class = server.component(0);
    let same_class = considered
        .iter()
        .any(|key| key.principal.component(0) == class);
    let same_host = considered.iter().any(|key| {
        server.component(1).is_some() && key.principal.component(1) == server.component(1)
    });
    let explanation = if same_class {
        explanation.likely("The client used another name of the host than the keytab has: an alias, a short name, an address, the name of a load balancer.")
    } else if same_host {
        explanation.likely("The client asked for another class of service on this host than the one that answers here.")
    } else {
        explanation
    };
    explanation
        .likely("The service reads another keytab than the one that was written for it (KRB5_KTNAME, default_keytab_name).")
        .likely("The entry for this name was never written.")
        .next(LIST)
        .next(format!("setspn -Q {}   # Active Directory: which account the name belongs to", sh(&server.name())))
        .new_keytab(server)
}

pub(super) fn key_version(
    server: &Principal,
    kvno: u32,
    newest: u32,
    considered: &[ConsideredKey],
) -> Explanation {
    let shown = short(server);
    let versions = || own(server, considered).map(|key| key.kvno);
    let newest = versions().max().unwrap_or(newest).max(newest);
    let oldest = versions().min().unwrap_or(newest);
    let held = match versions().count() {
        0 => newest.to_string(),
        _ => {
            let mut all: Vec<u32> = versions().collect();
            all.sort_unstable();
            list(all.into_iter())
        }
    };
    let facts = |explanation: Explanation| {
        explanation
            .fact("ticket server", server)
            .fact("ticket kvno", kvno)
            .fact("keytab kvno", &held)
            .entries(considered)
    };
    let misnumbered = own(server, considered).find(|key| key.verdict == KeyVerdict::Misnumbered);
    if let Some(key) = misnumbered {
        let mut explanation = facts(Explanation::new(
            "AP_KVNO_MISNUMBERED",
            format!(
                "The ticket is sealed with key version {kvno} of {shown}; the keytab has this very key as version {}.",
                key.kvno
            ),
        ));
        if matches!(key.kvno, 0 | 1 | 255) {
            explanation = explanation.likely(format!(
                "Version {} was made up by the tool that wrote the keytab, not asked of the KDC.",
                key.kvno
            ));
        }
        return explanation
            .likely("The keytab was written from the password by hand (ktutil, ktpass without /kvno), with another version than the KDC has.")
            .likely("The account was moved or restored: its key is the same, and the KDC counts its versions anew.")
            .next(LIST)
            .next(format!(
                "kvno {}   # the version that the KDC has now",
                sh(server)
            ))
            .new_keytab(server);
    }
    if kvno > newest {
        let mut explanation = facts(Explanation::new(
            "AP_KVNO_STALE_KEYTAB",
            format!("The ticket is sealed with key version {kvno} of {shown}; the keytab goes up to version {newest}."),
        ))
        .likely("The account's key was changed after this keytab was written.")
        .likely("The service was not restarted, or did not read the keytab again, after a new one was written.");
        if matches!(newest, 0 | 1 | 255) {
            explanation = explanation.likely(format!("Version {newest} was made up by the tool that wrote the keytab, not asked of the KDC."));
        }
        if server.is_krbtgt() && kvno >> 16 != 0 {
            explanation = explanation.likely(format!("A read-only domain controller issued the ticket: the upper half of the version, {}, is its number.", kvno >> 16));
        }
        explanation
            .next(LIST)
            .next(format!(
                "kvno {}   # the version that the KDC has now",
                sh(server)
            ))
            .new_keytab(server)
    } else if kvno < oldest {
        facts(Explanation::new(
            "AP_KVNO_STALE_TICKET",
            format!("The ticket is sealed with key version {kvno} of {shown}; the keytab begins at version {oldest}."),
        ))
        .likely("The client holds a ticket from before the key was changed, and the old key was removed from the keytab.")
        .likely("The client got the ticket from a KDC that does not have the new key yet.")
        .likely("The account was deleted and made again, which starts its versions at 1.")
        .next("kdestroy && kinit   # on the client: a new ticket (Windows: klist purge)")
        .next(LIST)
        .next(format!("kvno {}   # the version that the KDC has now", sh(server)))
        .next(KEEP)
    } else {
        facts(Explanation::new(
            "AP_KVNO_MISSING",
            format!("The ticket is sealed with key version {kvno} of {shown}; the keytab has the versions {held}."),
        ))
        .likely("The keytab missed a change of the key: it was written before it, and again after the next one.")
        .likely("An entry was removed from the keytab while tickets sealed with it were still valid.")
        .next("kdestroy && kinit   # on the client: a new ticket (Windows: klist purge)")
        .next(LIST)
        .next(format!("kvno {}   # the version that the KDC has now", sh(server)))
        .next(KEEP)
    }
}

pub(super) fn key_enctype(
    server: &Principal,
    enctype: Enctype,
    considered: &[ConsideredKey],
) -> Explanation {
    let held = list(
        own(server, considered)
            .filter(|key| key.verdict == KeyVerdict::OtherEnctype)
            .map(|key| key.enctype.to_string()),
    );
    Explanation::new(
        "AP_KEY_ENCTYPE",
        format!(
            "The ticket for {} is sealed with {enctype}; the keytab has this key version only for {held}.",
            short(server)
        ),
    )
    .fact("ticket server", server)
    .fact("ticket enctype", format!("{enctype} ({})", enctype.0))
    .fact("keytab enctypes", &held)
    .entries(considered)
    .likely("The keytab was written for fewer encryption types than the account has.")
    .likely("The account's encryption types were changed at the KDC after the keytab was written.")
    .likely("The account has no AES key, because its password is older than the realm's AES support: the KDC falls back to RC4.")
    .next(LIST)
    .next(format!("kvno -e {enctype} {}   # whether the KDC still seals with it", sh(server)))
    .next("Active Directory: tick \"This account supports Kerberos AES 256 bit encryption\" (msDS-SupportedEncryptionTypes), then change the password once.")
    .new_keytab(server)
}

pub(super) fn not_permitted(what: &str, enctype: Enctype, permitted: &[Enctype]) -> Explanation {
    let code = match what {
        "ticket" => "AP_ENCTYPE_TICKET",
        "session key" => "AP_ENCTYPE_SESSION_KEY",
        "subkey" => "AP_ENCTYPE_SUBKEY",
        _ => "AP_ENCTYPE",
    };
    let allowed = list(permitted.iter().map(ToString::to_string));
    let weak = enctype.is_weak();
    let explanation = Explanation::new(
        code,
        format!("The encryption type of the {what} is {enctype}, which is not permitted here; permitted: {allowed}."),
    )
    .fact("what", what)
    .fact("enctype", format!("{enctype} ({})", enctype.0))
    .fact("permitted", &allowed);
    let explanation = match (what, weak) {
        ("subkey", _) => explanation.likely("The client chose the subkey's type by its own configuration (permitted_enctypes)."),
        (_, true) => explanation
            .likely("The service's account has no AES key, or is not marked as able to use AES, so the KDC chose an old type.")
            .likely("The client asked for old types only (default_tgs_enctypes in its krb5.conf)."),
        _ => explanation.likely("The policy of this service is narrower than the KDC's (permitted_enctypes)."),
    };
    explanation
        .next("klist -e   # on the client: the types of its tickets and session keys")
        .next("Give the service's account AES keys: change its password once after AES was switched on, and write its keytab anew.")
        .next("Permit the type in this service's policy only if nothing else can be done, and RC4 and DES never for long.")
}

pub(super) fn wrong_key(
    server: &Principal,
    kvno: Option<u32>,
    enctype: Enctype,
    considered: &[ConsideredKey],
) -> Explanation {
    let shown = short(server);
    if considered.is_empty() {
        return wrong_tgt(server, enctype);
    }
    let tried = considered
        .iter()
        .filter(|key| key.verdict == KeyVerdict::DidNotDecrypt)
        .count();
    let version = match kvno {
        Some(kvno) => format!("key version {kvno}"),
        None => "a key without a version".to_owned(),
    };
    let tried = match tried {
        1 => "the one key that fits by name does not open it".to_owned(),
        n => format!("none of the {n} keys that fit by name opens it"),
    };
    Explanation::new(
        "AP_WRONG_KEY",
        format!("The ticket for {shown} is sealed with {version}, {enctype}; {tried}."),
    )
    .fact("ticket server", server)
    .kvno(kvno)
    .fact("ticket enctype", format!("{enctype} ({})", enctype.0))
    .entries(considered)
    .likely("The keytab was made from a password with the wrong salt, or from another password; ktutil addent takes the name as the salt, and an account that was renamed has another one.")
    .likely("The name is registered on another account too, and the KDC sealed the ticket with that account's key (duplicate SPN).")
    .likely("The keytab is from another realm, or from one that was built anew under the same name.")
    .likely("The ticket was forged or changed on its way.")
    .next(format!("kvno -k KEYTAB {}   # gets a new ticket and tries the keytab on it", sh(server)))
    .next(format!("setspn -Q {}   # Active Directory: more than one account is the fault", sh(&server.name())))
    .next(LIST)
    .new_keytab(server)
}

/// User-to-user: no key of a keytab was looked for.
fn wrong_tgt(server: &Principal, enctype: Enctype) -> Explanation {
    let shown = short(server);
    Explanation::new(
        "AP_WRONG_TGT",
        format!("The user-to-user ticket for {shown}, {enctype}, is not sealed with the session key of the TGT at hand."),
    )
    .fact("ticket server", server)
    .fact("ticket enctype", format!("{enctype} ({})", enctype.0))
    .likely("The server has a new TGT (kinit), and the client asked for its ticket with the old one.")
    .likely("The ticket was forged or changed on its way.")
    .next("klist   # as the server's user: since when it has its TGT")
    .next("Let the client ask the server for its TGT again, and the KDC for a ticket with that.")
}

pub(super) fn ticket_modified(
    server: &Principal,
    kvno: Option<u32>,
    enctype: Enctype,
) -> Explanation {
    Explanation::new(
        "AP_TICKET_MODIFIED",
        format!("The key for {} fits, but the ticket's cipher text was changed after the KDC sealed it.", short(server)),
    )
    .fact("ticket server", server)
    .kvno(kvno)
    .fact("ticket enctype", format!("{enctype} ({})", enctype.0))
    .likely("The octets were damaged on their way: a proxy that cuts or re-encodes headers, a broken credential cache.")
    .likely("Somebody changes tickets.")
    .next("kdestroy && kinit   # on the client: a new ticket (Windows: klist purge)")
    .next("Compare the token as the client sent it with the token as the service got it.")
}

pub(super) fn authenticator_modified(client: &Principal, enctype: Enctype) -> Explanation {
    Explanation::new(
        "AP_AUTHENTICATOR_MODIFIED",
        format!("The ticket of {} opens, but the authenticator beside it does not open under the ticket's session key.", short(client)),
    )
    .fact("ticket client", client)
    .fact("session key", format!("{enctype} ({})", enctype.0))
    .likely("The client pairs a ticket with the session key of another one: a credential cache that two programs wrote at once.")
    .likely("The octets were damaged on their way.")
    .likely("Somebody has the ticket and not its session key.")
    .next("kdestroy && kinit   # on the client: a new cache (Windows: klist purge)")
}

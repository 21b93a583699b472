//! The files by which programs find the realm.

use orthros::ccache::{CachedCredential, CredentialCache};
use orthros::client::AsExchange;
use orthros::env;
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::secret::Secret;
use orthros_kdc::{KeySpec, PrincipalSpec, RealmSpec, TestRealm};
use orthros_net::blocking::KdcClient;
use orthros_net::{KdcAddresses, KdcConfig};

use super::spec::Spec;
use super::{Trouble, User};

/// Writes the services' keytab, the users' keytab, and the first user's TGT.
pub(super) fn write(
    realm: &TestRealm,
    spec: &Spec,
    wanted: &RealmSpec,
    users: &[User],
) -> Result<(), Trouble> {
    let parse = |name: &str| Principal::parse(name, Some(&wanted.realm));
    let named = |error| Trouble::from(orthros::error::Error::from(error));
    let mut clients = Keytab::new();
    let mut first: Option<(Principal, &PrincipalSpec)> = None;
    for principal in &wanted.principals {
        let name = parse(&principal.name).map_err(named)?;
        let is_user = matches!(principal.key, KeySpec::Password(_));
        if spec.in_keytab(&principal.name, !is_user) {
            realm.export(&name)?;
        }
        if is_user {
            let keys = realm.kdc().keytab_for(&name, realm.now());
            let keys = keys.map_err(orthros_kdc::RealmError::from)?;
            for (_, entry) in keys.entries() {
                clients.add(entry.clone())?;
            }
            let logged_in = users.is_empty() || users.iter().any(|u| u.name == principal.name);
            if first.is_none() && logged_in {
                first = Some((name, principal));
            }
        }
    }
    env::write_keytab(&realm.client_keytab_path(), &clients)?;
    if !realm.keytab_path().exists() {
        env::write_keytab(&realm.keytab_path(), &Keytab::new())?;
    }
    if let Some((name, principal)) = first {
        log_in(realm, name, principal)?;
    }
    Ok(())
}

/// Gets the user's TGT as `kinit` would. A user that can get none has an empty cache: that may be
/// what the realm is for.
fn log_in(realm: &TestRealm, user: Principal, spec: &PrincipalSpec) -> Result<(), Trouble> {
    let KeySpec::Password(password) = &spec.key else {
        return Ok(());
    };
    let addresses = KdcAddresses::new().with(realm.name(), [realm.kdc_addr()]);
    let kdc = KdcClient::new(KdcConfig::new(addresses));
    let password = Secret::from(password.expose());
    let exchange = AsExchange::with_password(user.clone(), password)
        .forwardable(spec.attributes.forwardable)
        .renewable_ok(spec.attributes.renewable);
    let done = exchange.start(kdc.now()).and_then(|ask| kdc.run(ask));
    match done {
        Ok(initial) => {
            let credentials = initial.credentials;
            let mut cache = CredentialCache::new(credentials.client.clone());
            cache.store(CachedCredential::from(&credentials));
            env::write_ccache(&realm.ccache_path(), &cache)?;
        }
        Err(error) => eprintln!("orthros dev: {user} is not logged in: {error}"),
    }
    Ok(())
}

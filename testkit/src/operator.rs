//! NATS' decentralised logins, made without a server's help: an operator signs an account, the account its users.

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// An operator with one account.
#[derive(Debug)]
pub struct Operator {
    operator: KeyPair,
    /// For the server's own ends; it does without clients, not without the account.
    system: KeyPair,
    account: KeyPair,
}

impl Operator {
    /// Makes up the keys.
    #[must_use]
    pub fn new() -> Self {
        Self { operator: KeyPair::new_operator(), system: KeyPair::new_account(), account: KeyPair::new_account() }
    }

    /// The account's public key, which is its name on the server.
    #[must_use]
    pub fn account(&self) -> String {
        self.account.public_key()
    }

    /// Lines for a server's configuration that has it trust this operator and know this account, and nobody else.
    #[must_use]
    #[track_caller]
    pub fn server_config(&self) -> String {
        let system = self.system.public_key();
        let claims = json!({ "system_account": system, "type": "operator", "version": 2 });
        let operator = sign(&self.operator, &self.operator, None, &claims);
        let (system_jwt, account_jwt) = (self.account_jwt(&self.system, 0), self.account_jwt(&self.account, -1));
        let account = self.account();
        format!(
            "operator: {operator}\nresolver: MEMORY\n\
             resolver_preload: {{ {system}: {system_jwt}, {account}: {account_jwt} }}\n"
        )
    }

    /// An account without limits, but for JetStream: -1 is all of it, 0 nothing.
    #[track_caller]
    fn account_jwt(&self, account: &KeyPair, jetstream: i32) -> String {
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": jetstream, "disk_storage": jetstream, "streams": jetstream, "consumer": jetstream,
        });
        sign(&self.operator, account, None, &json!({ "limits": limits, "type": "account", "version": 2 }))
    }

    /// A `.creds` file for a new user of the account. `expires` is in seconds since the epoch.
    #[must_use]
    #[track_caller]
    pub fn credentials(&self, expires: Option<u64>) -> String {
        let user = KeyPair::new_user();
        let claims =
            json!({ "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2 });
        let jwt = sign(&self.account, &user, expires, &claims);
        let seed = seed(&user);
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    }
}

impl Default for Operator {
    fn default() -> Self {
        Self::new()
    }
}

/// An nkey for a user: the public key that a server knows it by, and its seed.
#[must_use]
#[track_caller]
pub fn user_nkey() -> (String, String) {
    let user = KeyPair::new_user();
    (user.public_key(), seed(&user))
}

#[track_caller]
fn seed(key: &KeyPair) -> String {
    key.seed().unwrap_or_else(|error| panic!("a key that was just made has no seed: {error}"))
}

#[track_caller]
fn sign(issuer: &KeyPair, subject: &KeyPair, expires: Option<u64>, nats: &Value) -> String {
    let mut claims = json!({
        "jti": subject.public_key(), "iat": 1_700_000_000, "iss": issuer.public_key(), "sub": subject.public_key(),
        "name": "test", "nats": nats,
    });
    if let Some(time) = expires {
        claims["exp"] = time.into();
    }
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let [header, claims] = [header, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes()));
    let text = format!("{header}.{claims}");
    let signature = issuer.sign(text.as_bytes()).unwrap_or_else(|error| panic!("cannot sign: {error}"));
    format!("{text}.{}", BASE64URL_NOPAD.encode(&signature))
}

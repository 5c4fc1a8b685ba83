//! Who one is: a user, a token, an nkey, a credentials file.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use warehouse_sink_testkit::{Operator, Settings, user_nkey};

use super::{Door, WRONG, refused};

fn with_user(settings: &Settings, user: &str, password: &str) -> Settings {
    settings.clone().set("nats", "username", user).set("nats", "password", password)
}

#[test]
fn a_user_and_a_password() {
    let door = Door::closed("", "authorization { user: sink, password: \"p@ss:word\" }");
    let (settings, server) = (door.settings(), door.nats.url());
    refused(
        &with_user(&settings, "sink", WRONG),
        &[&server, "the user `sink`", "check nats.username and nats.password"],
    );
    refused(&settings, &[&server, "a connection without a login", "set nats.username"]);
    refused(
        &settings.clone().set("nats", "url", server.replace("//", &format!("//sink:{WRONG}@"))),
        &[&server, "the user `sink`", "check the login in nats.url"],
    );
    let in_url = server.replace("//", "//sink:p%40ss:word@");
    door.opens_to(&settings.set("nats", "url", in_url));
}

#[test]
fn a_token() {
    let door = Door::closed("", "authorization { token: \"right\" }");
    let settings = door.settings();
    let words = [door.nats.url(), "the token; check nats.token".to_owned()];
    refused(&settings.clone().set("nats", "token", WRONG), &[&words[0], &words[1]]);
    door.opens_to(&settings.set("nats", "token", "right"));
}

#[test]
fn an_nkey() {
    let [(public, seed), (foreign, foreign_seed)] = [user_nkey(), user_nkey()];
    let door = Door::closed("", &format!("authorization {{ users: [{{ nkey: {public} }}] }}"));
    let settings = door.settings();
    let words = [door.nats.url(), format!("the nkey {foreign}; check nats.nkey_seed")];
    refused(&settings.clone().set("nats", "nkey_seed", foreign_seed), &[&words[0], &words[1]]);
    door.opens_to(&settings.set("nats", "nkey_seed", seed));
}

/// The account of an operator, open to everybody: the same streams without the operator.
fn open_account(operator: &Operator) -> String {
    let account = operator.account();
    format!("accounts {{ {account}: {{ jetstream: enabled, users: [{{ user: u, password: p }}] }} }}\nno_auth_user: u")
}

#[test]
fn a_credentials_file() {
    let (operator, stranger) = (Operator::new(), Operator::new());
    let door = Door::closed(&open_account(&operator), &operator.server_config());
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, credentials: String| {
        let file = folder.path().join(name);
        fs::write(&file, credentials).unwrap();
        door.settings().set("nats", "credentials_file", file.to_string_lossy())
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let server = door.nats.url();
    refused(
        &with("expired.creds", operator.credentials(Some(now - 60))),
        &[&server, "expired.creds (user U", "which expired at 20", "nats.credentials_file"],
    );
    refused(
        &with("foreign.creds", stranger.credentials(None)),
        &[&server, "foreign.creds (user U", "another operator or account", "nats.credentials_file"],
    );
    let right = with("right.creds", operator.credentials(Some(now + 3600)));
    door.opens_to(&right);
}

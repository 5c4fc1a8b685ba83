use std::fs;
use std::io::Write;

use tempfile::NamedTempFile;

use super::*;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn jwt(claims: &str) -> String {
    format!("e30.{}.c2ln", BASE64URL_NOPAD.encode(claims.as_bytes()))
}

fn creds(claims: &str) -> NamedTempFile {
    let seed = KeyPair::new_user().seed().unwrap();
    file(&format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n",
        jwt(claims)
    ))
}

#[test]
fn a_secret_file_is_read_without_its_newline_and_each_time_anew() {
    let file = file("one\r\n");
    let login = Login::Token(Secret::file("nats.token_file", file.path()));
    assert_eq!(login.answer(b"").unwrap().token.as_deref(), Some("one"));
    fs::write(file.path(), " two \n\n").unwrap();
    assert_eq!(login.answer(b"").unwrap().token.as_deref(), Some(" two "));
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_setting() {
    let empty = file("\n");
    let path = empty.path().display();
    let said = Login::Token(Secret::file("nats.token_file", empty.path())).check().unwrap_err().to_string();
    assert_eq!(said, format!("nats.token_file ({path}): is empty"));
    let said = Login::Credentials(empty.path().to_owned()).check().unwrap_err().to_string();
    assert_eq!(said, format!("nats.credentials_file ({path}): is empty"));
    let said = Login::Nkey(Secret::file("nats.nkey_seed_file", "/nowhere/seed")).check().unwrap_err().to_string();
    assert!(said.starts_with("nats.nkey_seed_file (/nowhere/seed): cannot be read: No such file"), "{said}");
    let halved = file("-----BEGIN NATS USER JWT-----\nx\n");
    let said = Login::Credentials(halved.path().to_owned()).check().unwrap_err().to_string();
    assert!(said.ends_with("has no line after -----BEGIN USER NKEY SEED-----"), "{said}");
}

#[test]
fn an_nkey_signs_the_nonce() {
    let key = KeyPair::new_user();
    let login = Login::Nkey(Secret::text("nats.nkey_seed", key.seed().unwrap()));
    let answer = login.answer(b"nonce").unwrap();
    assert_eq!(answer.nkey, Some(key.public_key()));
    key.verify(b"nonce", &answer.signature.unwrap()).unwrap();
    assert!(login.refused().contains(&key.public_key()));
    for wrong in ["secret", &KeyPair::new_account().seed().unwrap()] {
        let said = Login::Nkey(Secret::text("nats.nkey_seed", wrong)).check().unwrap_err().to_string();
        assert_eq!(said, "nats.nkey_seed: not the seed of a user's nkey, which begins with SU");
    }
}

#[test]
fn refused_credentials_tell_whose_they_are_and_since_when_they_are_void() {
    let user = KeyPair::new_user().public_key();
    let expired = creds(&format!(r#"{{"sub":"{user}","exp":1700000000}}"#));
    let login = Login::Credentials(expired.path().to_owned());
    login.check().unwrap();
    let said = login.refused();
    assert!(said.contains(&user) && said.contains("which expired at 2023-11-14T22:13:20Z"), "{said}");

    let foreign = creds(r#"{"sub":"hunter2","exp":9999999999}"#);
    let said = Login::Credentials(foreign.path().to_owned()).refused();
    assert!(said.contains("another operator or account") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_login_is_printed_as_its_kind() {
    let login = Login::User { name: "u".to_owned(), password: Secret::text("nats.password", "hunter2") };
    assert_eq!(format!("{login:?}"), "User");
    assert_eq!(login.refused(), "the user `u` or its password; check nats.username and nats.password");
}

//! Secrets are never printed: not with the settings, not with a message about them.

mod common;

use common::{mistakes, parse};

const SECRET: &str = "hunter2";

#[test]
fn settings_are_printed_without_secrets() {
    let text = format!(
        "[nats]\nurl = \"nats://user:{SECRET}@a:4222\"\nusername = \"u\"\npassword = \"{SECRET}\"\n\
         [storage.options]\nbucket = \"the-bucket\"\nsecret_access_key = \"{SECRET}\"\nendpoint = \"http://u:{SECRET}@h\"\n",
    );
    let settings = parse(&text, &[]).unwrap();
    let printed = format!("{settings:?} {settings:#?}");
    assert!(!printed.contains(SECRET), "{printed}");
    assert!(printed.contains("the-bucket") && printed.contains("@a:4222"), "{printed}");
    for key in ["token", "nkey_seed"] {
        let settings = parse(&format!("[nats]\n{key} = \"{SECRET}\""), &[]).unwrap();
        assert!(!format!("{settings:?}").contains(SECRET), "{key}");
    }
}

#[test]
fn messages_about_secrets_leave_them_out() {
    let texts = [
        format!("[nats]\npassword = [\"{SECRET}\"]"),
        format!("[nats]\ntoken = [\"{SECRET}\"]"),
        format!("[nats]\nurl = \"http://user:{SECRET}@a\""),
        format!("[nats]\nurl = [\"nats://user:{SECRET}@a:port\"]"),
        format!("[storage.options]\nsecret_access_key = [\"{SECRET}\"]"),
        format!("[storage]\noptions = \"{SECRET}\""),
        format!("[nats]\npassword = \"{SECRET}\""),
    ];
    for text in texts {
        let said = mistakes(&text, &[]).join("\n");
        assert!(!said.contains(SECRET), "{said}");
    }
    let said =
        mistakes("", &[("NATS_URL", "nats:/user:hunter2@a"), ("WAREHOUSE_SINK__NATS__PASWORD", SECRET)]).join("\n");
    assert!(!said.contains(SECRET), "{said}");
}

#[test]
fn a_syntax_error_does_not_repeat_the_line() {
    let said = mistakes(&format!("[nats]\npassword = {SECRET}"), &[]).join("\n");
    assert!(!said.contains(SECRET), "{said}");
}

//! Secrets are never printed: not with the settings, not with a message about them.

use std::fs;

use crate::common::{mistakes, parse};
use warehouse_sink::settings::Settings;

const SECRET: &str = "hunter2";

#[test]
fn settings_are_printed_without_secrets() {
    let text = format!(
        "[nats]\nusername = \"u\"\npassword = \"{SECRET}\"\n\
         [storage.options]\nbucket = \"the-bucket\"\nsecret_access_key = \"{SECRET}\"\nendpoint = \"http://u:{SECRET}@h\"\n",
    );
    let settings = parse(&text, &[]).unwrap();
    let printed = format!("{settings:?} {settings:#?}");
    assert!(!printed.contains(SECRET), "{printed}");
    assert!(printed.contains("the-bucket"), "{printed}");
    for set in
        ["token = \"hunter2\"", "nkey_seed = \"hunter2\"", "url = \"nats://user:hunter2@a\"", "url = \"hunter2@a\""]
    {
        let settings = parse(&format!("[nats]\n{set}"), &[]).unwrap();
        let printed = format!("{settings:?} {settings:#?} {:?}", settings.nats_config());
        assert!(!printed.contains(SECRET), "{printed}");
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

/// Settings of a file's text with the secrets' own files, in a folder that stands as `DIR` in the text.
fn load(text: &str, files: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let file = folder.path().join("sink.toml");
    fs::write(&file, text.replace("DIR", path)).unwrap();
    let loaded = Settings::load(Some(&file), std::iter::empty());
    loaded.map_err(|error| error.to_string().replace(path, "DIR"))
}

#[test]
fn a_storage_option_can_be_a_file() {
    let text = "[storage.options]\nbucket = \"b\"\nsecret_access_key = \"\"\nsecret_access_key_file = \"DIR/key\"\n\
        session_token_file = \"\"";
    let settings = load(text, &[("key", "hunter2\r\n")]).unwrap();
    assert!(!format!("{settings:?}").contains(SECRET));
}

#[test]
fn a_storage_option_that_cannot_work_is_refused_with_its_line() {
    let cases = [
        ("endpoint = \"minio:9000\"", "storage.options.endpoint: it must begin with http:// or https://"),
        ("checksum_algorithm = \"md5\"", "storage.options.checksum_algorithm: md5 is not possible"),
        ("bucket = \"b \"", "storage.options.bucket: it begins or ends with white space"),
        ("session_token_file = \"DIR/key\"", "storage.options.session_token_file (DIR/key): it begins or ends"),
    ];
    for (line, words) in cases {
        let said = load(&format!("[storage.options]\n\n{line}"), &[("key", "hunter2 \n")]).map(|_| ()).unwrap_err();
        assert!(said.starts_with(&format!("DIR/sink.toml:3: {words}")) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_setting() {
    let cases = [
        (
            "[storage.options]\naccess_key_id_file = \"DIR/none\"",
            "storage.options.access_key_id_file (DIR/none): cannot be read",
        ),
        (
            "[storage.options]\naccess_key_id_file = \"DIR/empty\"",
            "storage.options.access_key_id_file (DIR/empty): is empty",
        ),
        ("[nats]\nusername = \"u\"\npassword_file = \"DIR/none\"", "nats.password_file (DIR/none): cannot be read"),
        ("[nats]\ntoken_file = \"DIR/empty\"", "nats.token_file (DIR/empty): is empty"),
        ("[nats]\nnkey_seed_file = \"DIR/key\"", "nats.nkey_seed_file (DIR/key): not the seed of a user's nkey"),
        ("[nats]\nnkey_seed = \"SUhunter2\"", "nats.nkey_seed: not the seed of a user's nkey"),
        ("[nats]\ncredentials_file = \"DIR/none\"", "nats.credentials_file (DIR/none): cannot be read"),
        ("[nats]\ncredentials_file = \"DIR/key\"", "nats.credentials_file (DIR/key): has no line after"),
        ("[nats]\ntls_ca_file = \"DIR/none\"", "nats.tls_ca_file (DIR/none): cannot be read"),
        ("[nats]\ntls_ca_file = \"DIR/key\"", "nats.tls_ca_file (DIR/key): has no PEM block"),
    ];
    for (text, words) in cases {
        let said = load(text, &[("empty", "\n"), ("key", SECRET)]).map(|_| ()).unwrap_err();
        assert!(said.contains(words) && said.lines().count() == 1 && !said.contains(SECRET), "{text}: {said}");
    }
}

#[test]
fn a_secret_and_its_file_exclude_each_other() {
    let cases = [
        (
            "[nats]\nusername = \"u\"\npassword = \"p\"\npassword_file = \"DIR/key\"",
            "nats.password and nats.password_file exclude",
        ),
        ("[nats]\ntoken = \"p\"\ntoken_file = \"DIR/key\"", "nats.token and nats.token_file exclude"),
        ("[nats]\nnkey_seed = \"p\"\nnkey_seed_file = \"DIR/key\"", "nats.nkey_seed and nats.nkey_seed_file exclude"),
        ("[nats]\nurl = \"p@a\"\ntoken_file = \"DIR/key\"", "the login in nats.url and nats.token_file exclude"),
        (
            "[storage.options]\nsession_token = \"p\"\nsession_token_file = \"DIR/key\"",
            "storage.options.session_token and storage.options.session_token_file exclude",
        ),
    ];
    for (text, words) in cases {
        let said = load(text, &[("key", SECRET)]).map(|_| ()).unwrap_err();
        assert!(said.contains(words) && said.lines().count() == 1, "{text}: {said}");
    }
}

#[test]
fn a_syntax_error_does_not_repeat_the_line() {
    let said = mistakes(&format!("[nats]\npassword = {SECRET}"), &[]).join("\n");
    assert!(!said.contains(SECRET), "{said}");
}

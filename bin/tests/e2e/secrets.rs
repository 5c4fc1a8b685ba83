//! No secret is printed: markers stand in every setting that holds one, and are looked for in all that the program says and serves at
//! the most talkative log level, whether it gets in with them or not. And what it writes is not for everybody to change.

use crate::PROGRAM;
use crate::files;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use warehouse_sink_testkit::{
    AzureServer, NatsServer, Operator, S3Server, Settings, Sink, Store, command, http, publish, user_nkey, wait_until,
};

const SOON: Duration = Duration::from_secs(60);
/// What stands in every secret setting that a test can make up.
const MARKER: &str = "hunter2hunter2";
/// The same where base64 is demanded, of 32 bytes for a key of the client's.
const MARKER_IN_BASE64: &str = "hunter2hunter2AAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const SAS_TOKEN: &str = "sv=2024-11-04&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00:00:00Z&sig=hunter2hunter2";
/// The messages in the stream.
const MESSAGES: u64 = 10;

/// The settings at the most talkative, which the environment asks for as well.
fn loud(settings: &Settings) -> Settings {
    settings.clone().set("observability", "log_level", "trace")
}

fn talkative(sink: &mut Command) {
    sink.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
}

/// All that `check`, `run`, `inspect` and `replay` print and serve with these settings. Where they get in, until all that the stream holds
/// is acked.
fn all_that_is_said(settings: &Settings, gets_in: bool) -> String {
    let mut said = said_by_writers(settings, gets_in);
    for arguments in [&["inspect", "--stream", "always"][..], &["replay", "--dry-run"]] {
        let ended = command(PROGRAM, &loud(settings).set("nats", "startup_timeout", "500ms"), arguments);
        assert_eq!(ended.code, Some(i32::from(!gets_in)), "{arguments:?}: {ended:?}");
        said += &(ended.stdout + &ended.stderr);
    }
    said
}

/// The part of `check` and `run`.
fn said_by_writers(settings: &Settings, gets_in: bool) -> String {
    let settings = loud(settings).set("nats", "startup_timeout", "500ms").set("shutdown", "timeout", "1s");
    let ended = warehouse_sink_testkit::check(PROGRAM, &settings);
    assert_eq!(ended.code, Some(i32::from(!gets_in)), "{ended:?}");
    let mut sink = Sink::start_with(PROGRAM, &settings, talkative);
    let mut said = ended.stdout + &ended.stderr;
    wait_until(SOON, "the sink to do its work or to give up", || {
        for path in ["/metrics", "/health", "/ready"] {
            said.extend(http::get(sink.address(), path).map(|response| response.body));
        }
        let is_refused = || said.lines().any(|line| line.starts_with("store:") && !line.ends_with("not tried yet"));
        if gets_in { sink.acked() == MESSAGES } else { sink.exited().is_some() || is_refused() }
    });
    if sink.exited().is_none() {
        sink.stop(SOON);
    }
    said + &sink.log()
}

#[track_caller]
fn assert_unsaid(said: &str, secrets: &[&str]) {
    // Without these lines a search for secrets in them would find nothing and show nothing.
    assert!(said.contains("TRACE") || said.contains("DEBUG"), "the log is not at its most talkative: {said}");
    assert!(said.contains("async_nats"), "the client's own lines are not there: {said}");
    for secret in secrets {
        let line = said.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is said");
    }
}

/// The sink's settings for one of several consumers of a server, so that each finds messages.
fn settings(nats: &NatsServer, root: &TempDir, consumer: usize) -> Settings {
    Settings::new(&nats.url()).local(root.path()).set("nats", "consumer", format!("sink-{consumer}"))
}

fn filled(config: &str) -> NatsServer {
    let nats = NatsServer::with_config(config);
    nats.create_stream(Settings::STREAM);
    publish(PROGRAM, &nats, MESSAGES, &[]);
    nats
}

#[test]
fn logins_stay_unsaid_whether_they_are_taken_or_not() {
    let [(public, seed), (_, foreign)] = [user_nkey(), user_nkey()];
    let (mut nats, root) = (filled(""), tempfile::tempdir().unwrap());
    nats.restart_with(&format!(
        "authorization {{ users: [{{ user: sink, password: {MARKER} }}, {{ nkey: {public} }}] }}"
    ));
    let url = |login: String| nats.url().replace("//", &format!("//{login}@"));
    let cases = [
        (vec![("url", url(format!("sink:{MARKER}")))], true),
        (vec![("url", url(format!("sink:{MARKER}-not")))], false),
        (vec![("url", url(MARKER.to_owned()))], false),
        (vec![("username", "sink".to_owned()), ("password", MARKER.to_owned())], true),
        (vec![("token", MARKER.to_owned())], false),
        (vec![("nkey_seed", seed.clone())], true),
        (vec![("nkey_seed", foreign.clone())], false),
    ];
    for (index, (login, gets_in)) in cases.into_iter().enumerate() {
        let with = |settings: Settings, (key, value): &(&str, String)| settings.set("nats", key, value.as_str());
        let settings = login.iter().fold(settings(&nats, &root, index), with);
        assert_unsaid(&all_that_is_said(&settings, gets_in), &[MARKER, &seed, &foreign]);
    }
}

#[test]
fn credentials_files_stay_unsaid() {
    let [operator, stranger] = [Operator::new(), Operator::new()];
    let account = operator.account();
    let mut nats = filled(&format!(
        "accounts {{ {account}: {{ jetstream: enabled, users: [{{ user: u, password: p }}] }} }}\nno_auth_user: u"
    ));
    nats.restart_with(&operator.server_config());
    let root = tempfile::tempdir().unwrap();
    for (index, (of, gets_in)) in [(operator, true), (stranger, false)].into_iter().enumerate() {
        let credentials = of.credentials(None);
        let file = root.path().join("user.creds");
        fs::write(&file, &credentials).unwrap();
        let settings = settings(&nats, &root, index).set("nats", "credentials_file", file.to_string_lossy());
        let secrets: Vec<&str> =
            credentials.lines().filter(|line| !line.is_empty() && !line.starts_with('-')).collect();
        assert_eq!(secrets.len(), 2, "a JWT and a seed");
        assert_unsaid(&all_that_is_said(&settings, gets_in), &secrets);
    }
}

#[test]
fn storage_options_stay_unsaid() {
    let (nats, s3) = (filled(""), S3Server::start());
    let with =
        |consumer: &str| s3.settings(Settings::new(&nats.url()), &s3.endpoint()).set("nats", "consumer", consumer);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, format!("{}\n", S3Server::SECRET_KEY)).unwrap();

    let said = all_that_is_said(&with("a"), true);
    assert_unsaid(&said, &[S3Server::SECRET_KEY]);
    let from_file = with("b").unset("storage.options", "secret_access_key").set(
        "storage.options",
        "secret_access_key_file",
        file.to_string_lossy(),
    );
    assert_unsaid(&all_that_is_said(&from_file, true), &[S3Server::SECRET_KEY]);

    let endpoint = s3.endpoint().replace("//", &format!("//user:{MARKER}@"));
    for (index, (key, value)) in
        [("secret_access_key", MARKER), ("session_token", MARKER), ("endpoint", &endpoint)].into_iter().enumerate()
    {
        let settings = with(&format!("c{index}")).set("storage.options", key, value);
        assert_unsaid(&all_that_is_said(&settings, false), &[MARKER]);
    }
    let brought = [("key", MARKER_IN_BASE64), ("key_md5", MARKER_IN_BASE64), ("algorithm", "AES256")];
    let brought = brought.iter().fold(with("d"), |settings, (name, value)| {
        settings.set("storage.options", &format!("server_side_encryption_customer_{name}"), *value)
    });
    assert_unsaid(&said_by_writers(&brought, false), &[MARKER]);
}

/// SAS tokens stand in the address of each request, the others in headers.
#[test]
fn storage_options_of_google_azure_and_webdav_stay_unsaid() {
    let cases = [
        ("gcs", "token", MARKER, true),
        ("azblob", "account_key", AzureServer::KEY, true),
        ("azblob", "account_key", MARKER_IN_BASE64, false),
        ("azblob", "sas_token", SAS_TOKEN, false),
        ("webdav", "password", MARKER, true),
        ("webdav", "token", MARKER, true),
    ];
    let (nats, stores) = (filled(""), ["gcs", "azblob", "webdav"].map(|service| (service, Store::start(service))));
    for (index, (service, key, value, gets_in)) in cases.into_iter().enumerate() {
        let (_, store) = stores.iter().find(|(name, _)| *name == service).unwrap();
        let settings = store.settings(Settings::new(&nats.url()), Store::BUCKET);
        let settings = settings.set("nats", "consumer", format!("sink-{index}"));
        let said = all_that_is_said(&settings.set("storage.options", key, value), gets_in);
        assert_unsaid(&said, &[MARKER, AzureServer::KEY]);
    }
    // Azurite doesn't encrypt with keys of the client's.
    let azure = &stores[1].1;
    let encrypted = azure.settings(Settings::new(&nats.url()).set("nats", "consumer", "sink-6"), Store::BUCKET);
    let encrypted = encrypted.set("storage.options", "encryption_key", MARKER_IN_BASE64);
    assert_unsaid(&said_by_writers(&encrypted, false), &[MARKER, AzureServer::KEY]);
    // A key that can't be read is refused, and not repeated.
    let google = Settings::new(&nats.url()).set("storage", "service", "gcs").set("storage.options", "bucket", "b");
    let ended = warehouse_sink_testkit::check(PROGRAM, &google.set("storage.options", "credential", MARKER));
    assert!(ended.code != Some(0) && ended.stderr.contains("`credential` must be"), "{ended:?}");
    assert!(!(ended.stdout + &ended.stderr).contains(MARKER));
}

#[test]
fn help_and_refusals_of_settings_leave_the_environment_unsaid() {
    let names =
        ["NATS__PASSWORD", "NATS__TOKEN", "NATS__NKEY_SEED", "NATS__URL", "STORAGE__OPTIONS__SECRET_ACCESS_KEY"];
    for arguments in [&["--help"][..], &["run", "--help"], &["check", "--help"], &["generate", "--help"], &["check"]] {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("S3_SECRET_ACCESS_KEY", MARKER);
        command.envs(names.map(|name| (format!("WAREHOUSE_SINK__{name}"), MARKER)));
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(!said.is_empty() && !said.contains(MARKER), "{arguments:?}: {said}");
    }
    let output = Command::new(PROGRAM).args(["generate", "--url", &format!("http://u:{MARKER}@h")]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("--url") && !said.contains(MARKER), "{said}");
}

#[test]
fn files_follow_the_umask_and_are_never_for_everybody_to_change() {
    let nats = filled("");
    for (index, (umask, file_mode, folder_mode)) in
        [("022", 0o644, 0o755), ("077", 0o600, 0o700), ("000", 0o664, 0o775)].into_iter().enumerate()
    {
        let root = tempfile::tempdir().unwrap();
        let script = root.path().join("program");
        fs::write(&script, format!("#!/bin/sh\numask {umask}\nexec '{PROGRAM}' \"$@\"\n")).unwrap();
        fs::set_permissions(&script, Permissions::from_mode(0o700)).unwrap();
        let settings = settings(&nats, &root, index).local(&root.path().join("store"));
        let mut sink = Sink::start(&script, &settings);
        wait_until(SOON, "events to be stored", || sink.acked() > 0);
        sink.stop(SOON);
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let stored = files::below(&root.path().join("store/events"));
        assert!(!stored.is_empty());
        for path in &stored {
            assert_eq!(mode(path), file_mode, "{} under umask {umask}", path.display());
            let folders = path.ancestors().skip(1).take_while(|folder| *folder != root.path());
            folders.for_each(|folder| assert_eq!(mode(folder), folder_mode, "{} under {umask}", folder.display()));
        }
    }
}

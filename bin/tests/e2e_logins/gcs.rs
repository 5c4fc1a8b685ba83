//! fake-gcs-server looks at no login, so a proxy before it demands a token that was given out.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use warehouse_sink_testkit::{Authority, Fate, HttpProxy, HttpServer, RsaKey, Store};

use crate::world::World;

const ACCOUNT: &str = "sink@testkit.iam.gserviceaccount.com";
const OAUTH: &str = "oauth2.googleapis.com";
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";

/// Gives out tokens, and knows them again.
#[derive(Clone, Default)]
struct Tokens(Arc<AtomicUsize>);

impl Tokens {
    fn give(&self, seconds: u64) -> (u16, String) {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        (
            200,
            json!({ "access_token": format!("token-{number}"), "expires_in": seconds, "token_type": "Bearer" })
                .to_string(),
        )
    }

    fn knows(&self, login: &str) -> bool {
        let number = login.strip_prefix("Bearer token-").and_then(|number| number.parse().ok());
        number.is_some_and(|number: usize| number < self.given())
    }

    fn given(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A store, and the proxy before it.
fn guarded(tokens: &Tokens) -> (World, HttpProxy) {
    let world = World::new(Store::start("gcs"));
    let door = HttpProxy::start(world.store.address());
    let tokens = tokens.clone();
    door.decide(move |head| match head.header("authorization") {
        Some(login) if tokens.knows(login) => Fate::Pass,
        _ => Fate::Answer(401, r#"{"error": {"code": 401, "message": "Invalid Credentials"}}"#),
    });
    (world, door)
}

#[test]
fn an_instance_is_given_a_token_and_asks_again_before_it_expires() {
    let tokens = Tokens::default();
    let (world, door) = guarded(&tokens);
    let endpoint = format!("http://{}", door.address());
    let give = tokens.clone();
    let metadata = HttpServer::start(move |head, _| {
        let path = head.target.split('?').next().unwrap_or_default();
        let account = path.strip_prefix("/computeMetadata/v1/instance/service-accounts/");
        match (head.header("metadata-flavor"), account) {
            (Some("Google"), Some("default/token")) => give.give(3600),
            (Some("Google"), Some("short/token")) => give.give(60),
            _ => (403, String::new()),
        }
    });
    let host = metadata.address().to_string();
    let login = [("GCE_METADATA_HOST", host.as_str())];
    let settings = |bucket: &str| world.settings(bucket).set("storage.options", "endpoint", endpoint.as_str());
    world.stores_all("instance", &settings("instance"), &login);
    assert_eq!(tokens.given(), 1, "a token that is good for an hour is asked for once");
    let short = settings("short").set("storage.options", "service_account", "short");
    world.stores_all("short", &short, &login);
    assert!(tokens.given() >= 5, "a token that is about to expire is asked for again: {}", tokens.given());
    let wrong = settings("wrong").set("storage.options", "token", "hunter2");
    world.stores_nothing("wrong", &wrong, &[], "the server answered 401");
}

#[test]
fn a_service_account_exchanges_what_its_key_has_signed() {
    let tokens = Tokens::default();
    let (world, door) = guarded(&tokens);
    let (authority, key) = (Authority::new("ours"), RsaKey::new());
    let (give, known) = (tokens.clone(), key.clone());
    let oauth = HttpServer::in_place_of(&authority.server_named(OAUTH), move |head, body| {
        let assertion = body.split('&').find_map(|pair| pair.strip_prefix("assertion=")).unwrap_or_default();
        let claims = known.claims(assertion);
        let fine = head.header("host") == Some(OAUTH)
            && head.target == "/token"
            && claims["iss"] == ACCOUNT
            && claims["aud"] == format!("https://{OAUTH}/token")
            && claims["scope"] == SCOPE;
        if fine { give.give(3600) } else { (400, json!({ "error": "invalid_grant" }).to_string()) }
    });
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, key: &RsaKey| {
        let path = folder.path().join(name);
        let text = json!({ "type": "service_account", "client_email": ACCOUNT, "private_key": key.pem() });
        fs::write(&path, text.to_string()).unwrap();
        path.display().to_string()
    };
    let (ours, foreign) = (file("ours.json", &key), file("foreign.json", &RsaKey::new()));
    let proxy = format!("http://{}", oauth.address());
    let settings = |bucket: &str| {
        let settings = world.settings(bucket).set("storage", "tls_ca_file", authority.file().to_string_lossy());
        settings.set("storage.options", "endpoint", format!("http://{}", door.address()))
    };
    let https = ("HTTPS_PROXY", proxy.as_str());
    let by_path = settings("by-path").set("storage.options", "credential_path", ours.as_str());
    world.stores_all("by-path", &by_path, &[https]);
    let variable = |path| ("GOOGLE_APPLICATION_CREDENTIALS", path);
    world.stores_all("by-variable", &settings("by-variable"), &[https, variable(ours.as_str())]);
    assert!(tokens.given() >= 2);
    world.stores_nothing("foreign", &settings("foreign"), &[https, variable(foreign.as_str())], "invalid_grant");
}

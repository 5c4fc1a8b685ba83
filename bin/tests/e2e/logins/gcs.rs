//! fake-gcs-server looks at no login, so a proxy before it demands a token that was given out.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use warehouse_sink_testkit::{Authority, Fate, Head, HttpProxy, HttpServer, RsaKey, Settings, Store};

use super::world::{UNTOLD, World};

const ACCOUNT: &str = "sink@testkit.iam.gserviceaccount.com";
const OAUTH: &str = "oauth2.googleapis.com";
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// A pool of workload identities, as Google names it.
const POOL: &str = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/testkit/providers/cluster";
const FEDERATION: &str = "sts.googleapis.com";
const IMPERSONATION: &str = "iamcredentials.googleapis.com";
/// What lets one ask for an account's token, and nothing else.
const ASKING: &str = "https://www.googleapis.com/auth/iam";

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

/// What Google's token service and its service for impersonation check before they give out a token.
struct Google {
    cluster: RsaKey,
    tokens: Tokens,
}

impl Google {
    /// The token of the one that is good for asking the other.
    const STEP: &str = "step";

    fn answer(&self, head: &Head, body: &str) -> (u16, String) {
        match head.header("host") {
            Some(FEDERATION) if head.target == "/v1/token" => self.exchange(body),
            Some(IMPERSONATION) => self.impersonate(head, body),
            _ => (404, String::new()),
        }
    }

    fn exchange(&self, body: &str) -> (u16, String) {
        let encode = |text: &str| text.replace(':', "%3A").replace('/', "%2F");
        let says = |key: &str, value: &str| body.split('&').any(|pair| pair == format!("{key}={}", encode(value)));
        let token = body.split('&').find_map(|pair| pair.strip_prefix("subject_token=")).unwrap_or_default();
        let is_ours = says("audience", POOL)
            && says("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
            && says("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")
            && self.cluster.claims(token)["aud"] == POOL;
        match is_ours {
            true if says("scope", SCOPE) => self.tokens.give(3600),
            true if says("scope", ASKING) => {
                (200, json!({ "access_token": Self::STEP, "expires_in": 3600 }).to_string())
            }
            _ => (400, json!({ "error": "invalid_grant" }).to_string()),
        }
    }

    fn impersonate(&self, head: &Head, body: &str) -> (u16, String) {
        let account = format!("/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken");
        let wanted: Value = serde_json::from_str(body).unwrap_or_default();
        let is_allowed = head.header("authorization") == Some(&format!("Bearer {}", Self::STEP));
        if !is_allowed || head.target != account || wanted["scope"] != json!([SCOPE]) {
            return (403, String::new());
        }
        let given: Value = serde_json::from_str(&self.tokens.give(3600).1).unwrap();
        (200, json!({ "accessToken": given["access_token"], "expireTime": "2100-01-01T00:00:00Z" }).to_string())
    }
}

/// A workload elsewhere brings its own cluster's token (workload identity federation): for itself, or for a service account.
#[test]
fn a_workload_elsewhere_exchanges_its_clusters_token() {
    let tokens = Tokens::default();
    let (world, door) = guarded(&tokens);
    let (authority, cluster) = (Authority::new("ours"), RsaKey::new());
    let google = Google { cluster: cluster.clone(), tokens: tokens.clone() };
    let certificate = authority.server_named("*.googleapis.com");
    let google = HttpServer::in_place_of(&certificate, move |head, body| google.answer(head, body));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: String, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let login = |bucket: &str, key: &RsaKey, audience: &str, account: Option<&str>| -> (Settings, String) {
        let token = key.sign(&json!({ "iss": "https://cluster.test", "sub": "sink", "aud": audience }));
        let mut file = json!({ "type": "external_account", "audience": POOL,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("https://{FEDERATION}/v1/token"),
            "credential_source": { "file": write(format!("{bucket}.token"), token), "format": { "type": "text" } } });
        if let Some(account) = account {
            let url = format!("https://{IMPERSONATION}/v1/projects/-/serviceAccounts/{account}:generateAccessToken");
            file["service_account_impersonation_url"] = json!(url);
        }
        let settings = world.settings(bucket).set("storage", "tls_ca_file", authority.file().to_string_lossy());
        let settings = settings.set("storage.options", "endpoint", format!("http://{}", door.address()));
        (settings, write(format!("{bucket}.json"), file.to_string()))
    };
    let proxy = format!("http://{}", google.address());
    let https = ("HTTPS_PROXY", proxy.as_str());
    let given = |host: &str| google.count(|head, status| head.header("host") == Some(host) && status == 200);

    let (settings, file) = login("itself", &cluster, POOL, None);
    world.stores_all("itself", &settings, &[https, ("GOOGLE_APPLICATION_CREDENTIALS", file.as_str())]);
    assert_eq!((given(FEDERATION), given(IMPERSONATION)), (1, 0), "a token that is good for an hour is asked for once");
    let (settings, file) = login("account", &cluster, POOL, Some(ACCOUNT));
    world.stores_all("account", &settings.set("storage.options", "credential_path", file), &[https]);
    assert_eq!((given(FEDERATION), given(IMPERSONATION)), (2, 1));

    let stranger = ACCOUNT.replace("sink", "stranger");
    for (bucket, key, audience, account, refuses) in [
        ("foreign", &RsaKey::new(), POOL, None, FEDERATION),
        ("audience", &cluster, "//iam.googleapis.com/other", None, FEDERATION),
        ("stranger", &cluster, POOL, Some(stranger.as_str()), IMPERSONATION),
    ] {
        let refused = || google.count(|head, status| head.header("host") == Some(refuses) && status >= 400);
        let before = refused();
        let (settings, file) = login(bucket, key, audience, account);
        let variables = [https, ("GOOGLE_APPLICATION_CREDENTIALS", file.as_str())];
        // The next way to log in would ask a network that a test has no business in.
        let settings = settings.set("storage.options", "disable_vm_metadata", "true");
        world.stores_nothing(bucket, &settings, &variables, UNTOLD);
        assert!(refused() > before, "{bucket}: {refuses} was not asked");
    }
    assert_eq!(tokens.given(), 2);
}

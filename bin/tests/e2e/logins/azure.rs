//! Azurite looks at tokens only behind TLS. It takes their claims as they are; who may have one is up to the authority, which is the test's.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use warehouse_sink_testkit::{Authority, AzureServer, Head, HttpServer, RsaKey, Store};

use super::world::{UNTOLD, World};

const TENANT: &str = "0f2c4a8e-6d1b-4f57-9f0e-3b1d5c7a9e11";
const CLIENT: &str = "7b1e9c5d-2a4f-4c38-8d6e-1f0a3b5c7d99";
const AUDIENCE: &str = "https://storage.azure.com";
const POD_TOKEN: &str = "token-of-the-pod";
/// A service principal's secret, and as it stands in a form.
const APP_SECRET: [&str; 2] = ["secret+of/the=app", "secret%2Bof%2Fthe%3Dapp"];
const SCOPE: &str = "https%3A%2F%2Fstorage.azure.com%2F.default";

/// A token for the store, good for an hour, as Entra words it.
fn token(key: &RsaKey, audience: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    key.sign(
        &json!({ "aud": audience, "iss": format!("https://sts.windows.net/{TENANT}/"), "tid": TENANT, "ver": "1.0",
        "sub": CLIENT, "oid": CLIENT, "appid": CLIENT, "iat": now - 60, "nbf": now - 60, "exp": now + 3600 }),
    )
}

#[test]
fn the_accounts_key_comes_from_the_environment() {
    let world = World::new(Store::start("azblob"));
    let name = ("AZURE_STORAGE_ACCOUNT_NAME", AzureServer::ACCOUNT);
    let key = |key| [name, ("AZURE_STORAGE_ACCOUNT_KEY", key)];
    world.stores_all("environment", &world.settings("environment"), &key(AzureServer::KEY));
    let wrong = key("aHVudGVyMmh1bnRlcjI=");
    world.stores_nothing("wrong", &world.settings("wrong"), &wrong, "the server answered 403");
}

#[test]
fn an_application_a_workload_and_an_instance_are_given_tokens() {
    let (authority, key) = (Authority::new("ours"), RsaKey::new());
    let mut world = World::new(Store::start("azblob"));
    let good = token(&key, AUDIENCE);
    let foreign = token(&key, "https://elsewhere.test");
    let answer = move |head: &Head, body: &str| {
        let fine = |token: &str| {
            (200, json!({ "access_token": token, "expires_in": 3600, "expires_on": "4102444800" }).to_string())
        };
        let says = |key: &str, value: &str| body.split('&').any(|pair| pair == format!("{key}={value}"));
        let knows_secret = says("client_secret", APP_SECRET[1]) && says("grant_type", "client_credentials");
        let asserted =
            says("client_id", CLIENT) && says("scope", SCOPE) && (says("client_assertion", POD_TOKEN) || knows_secret);
        let path = head.target.split('?').next().unwrap_or_default();
        let for_storage = head.target.contains("resource=https%3A%2F%2Fstorage.azure.com%2F");
        match (head.method.as_str(), path) {
            ("POST", path) if asserted && path == format!("/{TENANT}/oauth2/v2.0/token") => fine(&good),
            ("GET", "/identity") if for_storage && head.header("metadata") == Some("true") => fine(&good),
            ("GET", "/foreign") => fine(&foreign),
            _ => (400, String::new()),
        }
    };
    let entra = HttpServer::start(answer);
    let url = format!("http://{}", entra.address());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, POD_TOKEN).unwrap();
    let file = file.display().to_string();
    let workload = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", CLIENT),
        ("AZURE_FEDERATED_TOKEN_FILE", file.as_str()),
        ("AZURE_AUTHORITY_HOST", url.as_str()),
    ];
    let [identity, foreign, none] = ["identity", "foreign", "none"].map(|path| format!("{url}/{path}"));
    let instance = [("AZURE_IMDS_ENDPOINT", identity.as_str())];
    let elsewhere = [("AZURE_IMDS_ENDPOINT", foreign.as_str())];
    let principal = |secret| {
        let nobody = ("AZURE_IMDS_ENDPOINT", none.as_str());
        [workload[0], workload[1], workload[3], ("AZURE_CLIENT_SECRET", secret), nobody]
    };

    for bucket in ["principal", "workload", "instance", "foreign", "secret"] {
        world.store.make_bucket(bucket);
    }
    let settings = |world: &World, bucket: &str| {
        let endpoint = format!("https://{}/{}", world.store.address(), AzureServer::ACCOUNT);
        let settings = world.settings(bucket).set("storage.options", "endpoint", endpoint);
        settings.set("storage", "tls_ca_file", authority.file().to_string_lossy())
    };
    let Store::Azure(server) = &mut world.store else { unreachable!() };
    server.restart(Some(authority.server()));
    let given = || entra.count(|head, status| head.method == "POST" && status == 200);
    world.runs("principal", &settings(&world, "principal"), &principal(APP_SECRET[0]));
    assert_eq!(given(), 1, "a token that is good for an hour is asked for once");
    world.runs("workload", &settings(&world, "workload"), &workload);
    assert_eq!(given(), 2);
    world.runs("instance", &settings(&world, "instance"), &instance);
    world.fails("foreign", &settings(&world, "foreign"), &elsewhere, "the server answered 403");
    world.fails("secret", &settings(&world, "secret"), &principal("hunter2hunter2"), UNTOLD);
    assert_eq!(given(), 2);
    assert!(entra.count(|head, status| head.method == "POST" && status == 400) >= 4, "it was asked with the secret");
    let Store::Azure(server) = &mut world.store else { unreachable!() };
    server.restart(None);
    for bucket in ["principal", "workload", "instance"] {
        world.is_exact(bucket);
    }
    for bucket in ["foreign", "secret"] {
        world.is_empty(bucket);
    }
}

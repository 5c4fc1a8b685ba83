//! SeaweedFS is the store, and its security token service (STS) makes every temporary key: it knows a cluster's tokens by the cluster's
//! public key, a role by who may assume it, and its keys by their session token.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;
use warehouse_sink_testkit::{Authority, Head, HttpServer, RsaKey, S3Server, Settings, Store, http};

use super::world::{UNTOLD, World};

const ROLE: &str = "arn:aws:iam::123456789012:role/sink";
const STS: &str = "sts.amazonaws.com";
/// The one that is asked for an assumed role.
const REGIONAL_STS: &str = "sts.us-east-1.amazonaws.com";
/// As SeaweedFS names the user whose keys the sink has.
const USER: &str = "arn:aws:iam::000000000000:user/sink";
/// Where one way to log in is refused the next is tried; the last would ask a network that a test has no business in.
const NO_INSTANCE: (&str, &str) = ("AWS_EC2_METADATA_DISABLED", "true");
const SECRET: &str = "testkit-container-token";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A store with an STS that trusts the tokens of one cluster.
pub(super) struct Cloud {
    pub world: World,
    folder: TempDir,
    cluster: RsaKey,
    _issuer: HttpServer,
}

impl Cloud {
    pub fn new() -> Self {
        let (folder, cluster) = (tempfile::tempdir().unwrap(), RsaKey::new());
        let keys = cluster.jwks().to_string();
        let issuer = HttpServer::start(move |_, _| (200, keys.clone()));
        let iam = json!({
            "sts": { "tokenDuration": "1h", "maxSessionLength": "12h", "issuer": "testkit",
                "signingKey": "dGVzdGtpdC1zaWduaW5nLWtleS1vZi0zMi1ieXRlcy4=" },
            "providers": [{ "name": "cluster", "type": "oidc", "enabled": true, "config": {
                "issuer": "https://cluster.test", "clientId": STS, "jwksUri": format!("http://{}/keys", issuer.address()) } }],
            "policy": { "defaultEffect": "Deny", "storeType": "memory" },
            "roles": [{ "roleName": "sink", "roleArn": ROLE, "attachedPolicies": ["write"], "trustPolicy": {
                "Version": "2012-10-17", "Statement": [
                    { "Effect": "Allow", "Principal": { "Federated": "cluster" }, "Action": ["sts:AssumeRoleWithWebIdentity"] },
                    { "Effect": "Allow", "Principal": { "AWS": USER }, "Action": ["sts:AssumeRole"] }] } }],
            "policies": [{ "name": "write", "document": { "Version": "2012-10-17", "Statement": [
                { "Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"], "Resource": ["*"] },
                { "Effect": "Allow", "Action": ["sts:ValidateSession"], "Resource": ["*"] }] } }],
        });
        let file = folder.path().join("iam.json");
        fs::write(&file, iam.to_string()).unwrap();
        let server = S3Server::start_with(&[format!("-s3.iam.config={}", file.display())]);
        Self { world: World::new(Store::S3(server)), folder, cluster, _issuer: issuer }
    }

    pub fn settings(&self, bucket: &str) -> Settings {
        self.world.settings(bucket)
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// A token as Kubernetes puts it into a pod's folder.
    fn pod_token(&self, key: &RsaKey) -> String {
        let (subject, now) = ("system:serviceaccount:events:sink", now());
        key.sign(&json!({ "iss": "https://cluster.test", "aud": STS, "sub": subject, "iat": now, "exp": now + 3600 }))
    }

    /// Temporary keys of the role, from the STS, as an instance's and a container's servers hand them out.
    pub fn lend(&self) -> impl Fn(Duration) -> Value + Send + Sync + 'static {
        let (address, token) = (self.world.store.address(), self.pod_token(&self.cluster));
        move |lifetime| {
            let form = format!(
                "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=test&WebIdentityToken={token}"
            );
            let answer = ask_sts(address, &form);
            assert_eq!(answer.status, 200, "{answer:?}");
            let text = |tag: &str| {
                let (_, rest) = answer.body.split_once(&format!("<{tag}>")).unwrap();
                rest.split_once('<').unwrap().0.to_owned()
            };
            json!({ "Code": "Success", "AccessKeyId": text("AccessKeyId"), "SecretAccessKey": text("SecretAccessKey"),
                "Token": text("SessionToken"), "Expiration": utc(now() + lifetime.as_secs()) })
        }
    }
}

fn ask_sts(address: std::net::SocketAddr, form: &str) -> http::Response {
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    http::request_with(address, "POST", "/", &kind, form.as_bytes()).unwrap()
}

/// Seconds since 1970 as `2026-11-24T21:01:03Z`.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's days to civil, for dates from 1970 on.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[test]
fn keys_come_from_the_environment_and_from_files() {
    let world = World::new(Store::start("s3"));
    let (key, secret) = (S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    let keys = [("AWS_ACCESS_KEY_ID", key), ("AWS_SECRET_ACCESS_KEY", secret)];
    world.stores_all("environment", &world.settings("environment"), &keys);
    let wrong = [keys[0], ("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")];
    world.stores_nothing("wrong", &world.settings("wrong"), &wrong, "the server answered 403");

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let other = "[default]\naws_access_key_id = other\naws_secret_access_key = other\n";
    let pair = format!("aws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
    let file_of_keys = file("credentials", format!("{other}[warehouse]\n{pair}"));
    let shared = [("AWS_SHARED_CREDENTIALS_FILE", file_of_keys.as_str())];
    let profile = |bucket: &str| world.settings(bucket).set("storage.options", "profile", "warehouse");
    world.stores_all("profile", &profile("profile"), &shared);
    world.stores_nothing("default", &world.settings("default"), &shared, "the server answered 403");
    let config = file("config", format!("[profile warehouse]\n{pair}"));
    world.stores_all("config", &profile("config"), &[("AWS_CONFIG_FILE", &config)]);
}

#[test]
fn a_pod_logs_in_with_its_web_identity() {
    let cloud = Cloud::new();
    let authority = Authority::new("ours");
    let address = cloud.world.store.address();
    let sts = HttpServer::in_place_of(&authority.server_named(STS), move |head, body| {
        assert_eq!(head.header("host"), Some(STS));
        let answer = ask_sts(address, body);
        (answer.status, answer.body)
    });
    let proxy = format!("http://{}", sts.address());
    let login = |bucket: &str, key: &RsaKey, role: &str| {
        let token = cloud.write(&format!("{bucket}.token"), &cloud.pod_token(key));
        let settings = cloud.settings(bucket).set("storage", "tls_ca_file", authority.file().to_string_lossy());
        (
            settings,
            [("HTTPS_PROXY", proxy.clone()), ("AWS_ROLE_ARN", role.to_owned()), ("AWS_WEB_IDENTITY_TOKEN_FILE", token)],
        )
    };
    let (settings, variables) = login("pod", &cloud.cluster, ROLE);
    cloud.world.stores_all("pod", &settings, &variables.each_ref().map(|(name, value)| (*name, value.as_str())));
    assert_eq!(sts.count(|_, status| status == 200), 1, "keys that are good for an hour are asked for once");

    let (foreign, other) = (RsaKey::new(), ROLE.replace("sink", "other"));
    for (bucket, key, role) in [("foreign", &foreign, ROLE), ("other", &cloud.cluster, other.as_str())] {
        let (settings, variables) = login(bucket, key, role);
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let variables = [&variables[..], &[NO_INSTANCE]].concat();
        let before = sts.count(|_, status| status >= 400);
        cloud.world.stores_nothing(bucket, &settings, &variables, UNTOLD);
        assert!(sts.count(|_, status| status >= 400) > before, "{bucket}: the STS was not asked");
    }
    assert_eq!(sts.count(|_, status| status == 200), 1, "the STS refuses a foreign cluster and an unknown role");
}

#[test]
fn a_container_is_given_keys_and_asks_again_before_they_expire() {
    let cloud = Cloud::new();
    let lend = cloud.lend();
    let agent = HttpServer::start(move |head, _| match (head.target.as_str(), head.header("authorization")) {
        ("/long", Some(SECRET)) => (200, lend(Duration::from_secs(3600)).to_string()),
        ("/short", Some(SECRET)) => (200, lend(Duration::from_secs(60)).to_string()),
        (_, Some(SECRET)) => (404, String::new()),
        _ => (401, "no such token".to_owned()),
    });
    let uri = |path: &str| format!("http://{}/{path}", agent.address());
    let (long, short) = (uri("long"), uri("short"));
    let asked = |path: &str| agent.count(|head, status| head.target == path && status == 200);
    let file = cloud.write("container.token", &format!("{SECRET}\n"));
    let by_file = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.as_str());

    let full = |uri| ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
    let login = [full(long.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", SECRET)];
    cloud.world.stores_all("ecs", &cloud.settings("ecs"), &login);
    assert_eq!(asked("/long"), 1, "keys that are good for an hour are asked for once");
    cloud.world.stores_all("eks", &cloud.settings("eks"), &[full(short.as_str()), by_file]);
    assert!(asked("/short") >= 4, "keys that are about to expire are asked for again: {}", asked("/short"));

    let wrong = [full(long.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hunter2"), NO_INSTANCE];
    cloud.world.stores_nothing("refused", &cloud.settings("refused"), &wrong, UNTOLD);
    assert!(agent.count(|_, status| status == 401) >= 4);
}

/// The second version of the metadata service: a session's token first, and nothing without it.
#[test]
fn an_instance_is_given_the_keys_of_its_role() {
    const SESSION: &str = "testkit-session";
    const KEYS: &str = "/latest/meta-data/iam/security-credentials/";
    let cloud = Cloud::new();
    let lend = cloud.lend();
    let session = |head: &Head| head.header("x-aws-ec2-metadata-token") == Some(SESSION);
    let metadata = HttpServer::start(move |head, _| match (head.method.as_str(), head.target.as_str()) {
        ("PUT", "/latest/api/token") if head.header("x-aws-ec2-metadata-token-ttl-seconds").is_some() => {
            (200, SESSION.to_owned())
        }
        ("GET", _) if !session(head) => (401, String::new()),
        ("GET", KEYS) => (200, "sink".to_owned()),
        ("GET", target) if Path::new(target) == Path::new(KEYS).join("sink") => {
            (200, lend(Duration::from_secs(3600)).to_string())
        }
        _ => (404, String::new()),
    });
    let endpoint = format!("http://{}", metadata.address());
    let login = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint.as_str())];
    cloud.world.stores_all("instance", &cloud.settings("instance"), &login);
    assert_eq!(metadata.count(|_, status| status == 200), 3, "a token, the role's name, its keys");
}

/// SeaweedFS takes a request to assume a role as POST alone, which OpenDAL sends when it is long. The usual one, a GET, is answered by
/// the test, once SeaweedFS has found that the sink's key signed it.
#[test]
fn a_role_is_assumed_with_the_sinks_keys() {
    let cloud = Cloud::new();
    let (address, lend, authority) = (cloud.world.store.address(), cloud.lend(), Authority::new("ours"));
    let asked_for = |head: &Head, key: &str, value: &str| {
        head.target.trim_start_matches("/?").split('&').any(|pair| pair == format!("{key}={value}"))
    };
    let sts = HttpServer::in_place_of(&authority.server_named(REGIONAL_STS), move |head, body| {
        let headers =
            head.headers.iter().filter(|(name, _)| !["connection", "content-length"].contains(&name.as_str()));
        let headers: Vec<_> = headers.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = http::request_with(address, &head.method, &head.target, &headers, body.as_bytes()).unwrap();
        let role = ROLE.replace(':', "%3A").replace('/', "%2F");
        let is_right = [("RoleArn", role.as_str()), ("RoleSessionName", "testkit"), ("DurationSeconds", "900")];
        let is_right = is_right.into_iter().all(|(key, value)| asked_for(head, key, value));
        let seconds = [("long", 3600), ("short", 60)].into_iter().find(|(id, _)| asked_for(head, "ExternalId", id));
        match (head.method.as_str(), answer.status, seconds) {
            ("GET", 200, Some((_, seconds))) if is_right => (200, assumed(&lend(Duration::from_secs(seconds)))),
            ("GET", 200, _) => (403, "not this role, or not by this one".to_owned()),
            _ => (answer.status, answer.body),
        }
    });
    let proxy = format!("http://{}", sts.address());
    let settings = |bucket: &str, role: &str, id: &str| {
        let settings = cloud.settings(bucket).set("storage", "tls_ca_file", authority.file().to_string_lossy());
        let more = [("role_arn", role), ("external_id", id), ("role_session_name", "testkit")];
        let settings = more.into_iter().fold(settings, |all, (key, value)| all.set("storage.options", key, value));
        settings.set("storage.options", "assume_role_duration_seconds", "900")
    };
    let keys = |secret| {
        let id = ("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY);
        [("HTTPS_PROXY", proxy.as_str()), id, ("AWS_SECRET_ACCESS_KEY", secret)]
    };
    let given = |method: &str| sts.count(|head, status| head.method == method && status == 200);

    cloud.world.stores_all("long", &settings("long", ROLE, "long"), &keys(S3Server::SECRET_KEY));
    assert_eq!(given("GET"), 1, "keys that are good for an hour are asked for once");
    cloud.world.stores_all("short", &settings("short", ROLE, "short"), &keys(S3Server::SECRET_KEY));
    assert!(given("GET") >= 5, "keys that are about to expire are asked for again: {}", given("GET"));
    let lengthy = "/".repeat(700);
    cloud.world.stores_all("form", &settings("form", ROLE, &lengthy), &keys(S3Server::SECRET_KEY));
    assert_eq!(given("POST"), 1, "SeaweedFS itself gave the role's keys");

    let (before, other) = (sts.count(|_, status| status == 200), ROLE.replace("sink", "other"));
    for (bucket, role, id, secret) in [
        ("unknown-id", ROLE, "other", S3Server::SECRET_KEY),
        ("unknown-role", other.as_str(), lengthy.as_str(), S3Server::SECRET_KEY),
        ("wrong-secret", ROLE, "long", "hunter2hunter2"),
        ("wrong-secret-form", ROLE, lengthy.as_str(), "hunter2hunter2"),
    ] {
        let refused = sts.count(|_, status| status == 403);
        cloud.world.stores_nothing(bucket, &settings(bucket, role, id), &keys(secret), UNTOLD);
        assert!(sts.count(|_, status| status == 403) > refused, "{bucket}: the STS was not asked");
    }
    assert_eq!(sts.count(|_, status| status == 200), before);
}

/// Keys as an STS gives them.
fn assumed(keys: &Value) -> String {
    let key = |tag: &str, key: &str| format!("<{tag}>{}</{tag}>", keys[key].as_str().unwrap());
    let [id, secret] = ["AccessKeyId", "SecretAccessKey"].map(|tag| key(tag, tag));
    let keys = [id, secret, key("SessionToken", "Token"), key("Expiration", "Expiration")].concat();
    format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>{keys}</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
}

//! Keys in files that are replaced while the sink runs, as Vault's agent, cron jobs and `aws sso` replace them. SeaweedFS gives the keys and
//! takes them; the proxy before it refuses those that are old, as Amazon does once they have expired.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use warehouse_sink_testkit::{Fate, HttpProxy, Settings, Sink, publish};

use super::s3::Cloud;
use super::world::{FILES, PROGRAM, SOON, start};

const EXPIRED: &str = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
const HOUR: Duration = Duration::from_secs(3600);

fn text<'a>(keys: &'a Value, name: &str) -> &'a str {
    keys[name].as_str().unwrap()
}

/// Refuses these keys from now on.
fn expire(network: &HttpProxy, keys: &Value) {
    let old = text(keys, "AccessKeyId").to_owned();
    network.decide(move |head| match head.header("authorization").is_some_and(|login| login.contains(&old)) {
        true => Fate::Answer(400, EXPIRED),
        false => Fate::Pass,
    });
}

fn failed(sink: &Sink) -> f64 {
    sink.metric(FILES, &[("outcome", "failed")])
}

/// Runs a sink whose keys `write` puts into files. New keys are there before the old ones expire, and then only after.
fn stores_all_with_new_keys(cloud: &Cloud, settings: &Settings, write: &dyn Fn(&Value), shared: Option<&str>) {
    let (bucket, variables) = match &shared {
        None => ("files", Vec::new()),
        Some(file) => ("shared", vec![("AWS_SHARED_CREDENTIALS_FILE", *file)]),
    };
    let (network, lend) = (HttpProxy::start(cloud.world.store.address()), cloud.lend());
    let endpoint = format!("http://{}", network.address());
    let settings = settings.clone().set("storage.options", "endpoint", endpoint).set("nats", "ack_wait", "5m");
    cloud.world.store.make_bucket(bucket);
    let [first, second, third] = [(); 3].map(|()| lend(HOUR));
    write(&first);
    let mut sink = start(&settings, &variables);
    cloud.world.nats.wait_settled_by(bucket, SOON);

    write(&second);
    expire(&network, &first);
    publish(PROGRAM, &cloud.world.nats, 20, &["--seed", if shared.is_some() { "1" } else { "2" }]);
    cloud.world.nats.wait_settled_by(bucket, SOON);
    assert_eq!(failed(&sink), 0.0, "keys that were replaced in time were not read again: {}", sink.log());

    expire(&network, &second);
    publish(PROGRAM, &cloud.world.nats, 20, &["--seed", if shared.is_some() { "3" } else { "4" }]);
    sink.wait_metric(SOON, FILES, &[("outcome", "failed")], 1.0);
    assert!(sink.log().contains("ExpiredToken"), "{}", sink.log());
    write(&third);
    cloud.world.nats.wait_settled_by(bucket, SOON);
    assert_eq!(sink.stop(SOON), Some(0), "{}", sink.log());
    let log = sink.log();
    assert!(!log.contains("Permanent"), "it gave the messages back instead of waiting for new keys: {log}");
    assert!(!log.contains(text(&third, "SecretAccessKey")) && !log.contains(text(&third, "Token")));
    let found = cloud.world.store.exact(&cloud.world.nats, bucket, &["--consumer", bucket]);
    found.assert_ok();
}

#[test]
fn keys_in_files_are_read_again_when_they_change_and_when_they_expire() {
    let cloud = Cloud::new();
    let options =
        [("access_key_id", "AccessKeyId"), ("secret_access_key", "SecretAccessKey"), ("session_token", "Token")];
    let settings = options.iter().fold(cloud.settings("files"), |settings, (option, key)| {
        settings.set("storage.options", &format!("{option}_file"), cloud.write(key, "not yet"))
    });
    let write = |keys: &Value| {
        for (_, key) in options {
            cloud.write(key, &format!("{}\n", text(keys, key)));
        }
    };
    stores_all_with_new_keys(&cloud, &settings, &write, None);

    let shared = cloud.write("credentials", "");
    let write = |keys: &Value| {
        let [id, secret, token] = options.map(|(_, key)| text(keys, key));
        let lines =
            format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\naws_session_token = {token}\n");
        fs::write(&shared, format!("[default]\n{lines}")).unwrap();
    };
    stores_all_with_new_keys(&cloud, &cloud.settings("shared"), &write, Some(&shared));
}

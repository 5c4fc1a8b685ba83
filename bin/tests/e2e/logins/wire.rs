//! What stands on the wire to an S3 server: how the bucket is named, and how the server is to encrypt.

use warehouse_sink_testkit::{Ended, Head, HttpProxy, S3Server, Settings, Store, command, http, verify};

use super::world::{PROGRAM, World};

const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY)];

/// The server is reached by name through a proxy of the environment, as no name of a bucket leads to loopback.
#[test]
fn the_bucket_is_named_in_the_path_or_before_the_host() {
    let server = S3Server::start_with(&["-s3.domainName=s3.test".to_owned()]);
    let world = World::new(Store::S3(server));
    let network = HttpProxy::start(world.store.address());
    let proxy = format!("http://{}", network.address());
    let environment = [KEYS[0], KEYS[1], ("HTTP_PROXY", proxy.as_str())];
    let settings = |bucket: &str| world.settings(bucket).set("storage.options", "endpoint", "http://s3.test");
    let named = |head: &Head, host: &str, path: &str| {
        head.header("host") == Some(host) && head.target.starts_with(&format!("http://{host}/{path}"))
    };
    world.stores_all("by-path", &settings("by-path"), &environment);
    let by_path = network.count(|head, _| named(head, "s3.test", "by-path/events"));
    assert!(by_path >= 4 && by_path == network.count(|_, _| true), "{by_path}");

    let virtual_host = settings("by-host").set("storage.options", "enable_virtual_host_style", "true");
    world.stores_all("by-host", &virtual_host, &environment);
    let by_host = network.count(|head, _| named(head, "by-host.s3.test", "events"));
    assert!(by_host >= 4 && by_path + by_host == network.count(|_, _| true), "{by_host}");
}

/// The server's users, and its key management.
const IDENTITIES: &str = r#"{"identities": [
  {"name": "sink", "credentials": [{"accessKey": "testkit-key", "secretKey": "testkit-secret"}],
   "actions": ["Read", "Write", "List"]},
  {"name": "anonymous", "actions": ["Admin", "Read", "Write", "List"]}],
  "kms": {"default_provider": "local", "providers": {"local": {"type": "local"}}}}"#;

/// With a key of the server's it reads the files as ever; with a key of the sink's only who brings it reads them.
#[test]
fn the_server_encrypts_with_its_own_key_or_with_the_sinks() {
    // 32 bytes in base64, and their MD5.
    const KEY: &str = "dGVzdGtpdC1rZXktb2YtdGhpcnR5LXR3by1ieXRlcyE=";
    const MD5: &str = "awVBlxC/XhReNIDusOL5mA==";
    const KMS_KEY: &str = "alias/seaweedfs-default";
    const CUSTOMER: &str = "x-amz-server-side-encryption-customer-algorithm";
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("s3.json");
    std::fs::write(&config, IDENTITIES).unwrap();
    let server = S3Server::start_with(&[format!("-s3.config={}", config.display())]);
    let world = World::new(Store::S3(server));
    let network = HttpProxy::start(world.store.address());
    let settings = |bucket: &str| {
        let endpoint = format!("http://{}", network.address());
        let settings = world.settings(bucket).set("storage.options", "endpoint", endpoint);
        settings.set("batch", "max_events", 100).set("batch", "flush_interval", "3s")
    };
    // One file is larger than a part.
    let large = verify::publish_python(&world.nats, &["--large-poison", "12", "--size", "900000"]);
    assert_eq!(large.number(&["poison"]), 12);
    let begins = |head: &Head| match head.method.as_str() {
        "PUT" => !head.target.contains("partNumber="),
        method => method == "POST" && head.target.ends_with("?uploads"),
    };
    let is_part = |head: &Head| head.method == "PUT" && !begins(head);
    let asked = |name: &str, of: &dyn Fn(&Head) -> bool| {
        network.count(|head, _| of(head) && head.header(name) == Some("AES256"))
    };
    let sent = |of: &dyn Fn(&Head) -> bool| network.count(|head, _| of(head));
    let own = settings("own").set("storage.options", "server_side_encryption", "AES256");
    world.stores_all("own", &own, &KEYS);
    let (files, parts) = (sent(&begins), sent(&is_part));
    assert!(files >= 4 && parts >= 2, "{files} files, {parts} parts");
    assert_eq!(asked("x-amz-server-side-encryption", &begins), files);

    let managed = settings("managed").set("storage.options", "server_side_encryption", "aws:kms").set(
        "storage.options",
        "server_side_encryption_aws_kms_key_id",
        KMS_KEY,
    );
    world.stores_all("managed", &managed, &KEYS);
    let managed = |head: &Head| {
        begins(head)
            && head.header("x-amz-server-side-encryption") == Some("aws:kms")
            && head.header("x-amz-server-side-encryption-aws-kms-key-id") == Some(KMS_KEY)
    };
    let unknown = settings("managed").set("storage.options", "server_side_encryption", "aws:kms").set(
        "storage.options",
        "server_side_encryption_aws_kms_key_id",
        "alias/unknown",
    );
    let before = files;
    assert_eq!(sent(&managed), sent(&begins) - before);
    assert!(sent(&managed) >= 4);
    let Ended { code, stderr, .. } = run(&unknown, &["check"]);
    assert!(code == Some(1) && stderr.contains("storage: cannot write"), "an unknown key encrypts: {stderr}");
    let (files, parts) = (sent(&begins), sent(&is_part));

    let brought = settings("brought")
        .set("storage.options", "server_side_encryption_customer_algorithm", "AES256")
        .set("storage.options", "server_side_encryption_customer_key", KEY)
        .set("storage.options", "server_side_encryption_customer_key_md5", MD5);
    world.store.make_bucket("brought");
    world.runs("brought", &brought, &KEYS);
    let brings = |name, of| (asked(name, of), sent(of));
    let (with, all) = brings(CUSTOMER, &begins);
    assert!(with >= 4 && with == all - files, "{with} of {} files", all - files);
    let (with, all) = brings(CUSTOMER, &is_part);
    assert!(with >= 2 && with == all - parts, "{with} of {} parts", all - parts);
    let inspect = |settings: &Settings| run(settings, &["inspect", "--output", "json"]);
    let Ended { code, stdout, stderr } = inspect(&brought);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let without = inspect(&settings("brought"));
    assert_ne!(without.code, Some(0), "it was read without the key: {without:?}");
    let list = http::get(world.store.address(), "/brought?list-type=2").unwrap().body;
    let key = list.split("<Key>").nth(1).and_then(|rest| rest.split_once('<')).unwrap().0.to_owned();
    let refused = http::get(world.store.address(), &format!("/brought/{}", key.replace('=', "%3D"))).unwrap();
    assert_eq!(refused.status, 400, "{refused:?}");
}

/// Runs a command with the store's keys.
fn run(settings: &Settings, arguments: &[&str]) -> Ended {
    let settings = settings.clone().set("storage.options", "access_key_id", S3Server::ACCESS_KEY).set(
        "storage.options",
        "secret_access_key",
        S3Server::SECRET_KEY,
    );
    command(PROGRAM, &settings, arguments)
}

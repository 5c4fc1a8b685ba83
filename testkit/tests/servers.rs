//! The servers start, stop, and keep their data over a restart.

use std::fs;
use std::path::Path;

use warehouse_sink_testkit::{NatsServer, S3Server, Settings, SmallDisk, StreamState, http, verify};

#[test]
fn a_stream_outlives_a_stop_and_a_kill_of_the_server() {
    let mut nats = NatsServer::start();
    nats.create_stream(Settings::STREAM);
    let mut client = nats.client();
    assert_eq!(client.publish("events.a.b.c", &[], b"one").unwrap(), 1);
    assert_eq!(client.publish("events.a.b.c", &[("Name", "value")], b"two").unwrap(), 2);
    assert!(client.publish("elsewhere", &[], b"").is_err());

    let url = nats.url();
    nats.stop();
    nats.start_again();
    nats.kill();
    nats.start_again();
    assert_eq!(nats.url(), url);
    let state = nats.stream(Settings::STREAM);
    assert_eq!(state, StreamState { messages: 2, first_sequence: 1, last_sequence: 2 });
    assert_eq!(nats.consumer(Settings::STREAM, Settings::CONSUMER), None);
}

#[test]
fn two_s3_servers_run_side_by_side_and_keep_their_objects() {
    let mut first = S3Server::start();
    let second = S3Server::start();
    let object = format!("/{}/a/b=1/object", S3Server::BUCKET);
    assert_eq!(http::request(first.address(), "PUT", &object, b"kept").unwrap().status, 200);
    assert_eq!(http::get(second.address(), &object).unwrap().status, 404);
    first.stop();
    first.start_again();
    assert_eq!(http::get(first.address(), &object).unwrap().body, "kept");
}

#[test]
fn nothing_stored_is_found_missing_by_the_verification() {
    let nats = NatsServer::start();
    nats.create_stream(Settings::STREAM);
    let published = verify::publish_python(&nats, &[]);
    published.assert_ok();
    let found = verify::exact(&nats, Path::new("/nowhere"), &[]);
    assert!(!found.ok);
    assert_eq!(found.number(&["duckdb", "missing"]), published.number(&["events"]));
    assert_eq!(found.number(&["dead_letter", "missing"]), published.number(&["poison"]));
}

#[test]
fn a_small_disk_is_full_until_it_is_freed() {
    let disk = match SmallDisk::new(1 << 20) {
        Ok(disk) => disk,
        // A container may forbid it; what needs the disk then says so by itself.
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let file = disk.path().join("file");
    fs::write(&file, [1; 1000]).unwrap();
    disk.fill();
    let full = fs::write(disk.path().join("more"), [1; 10_000]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    disk.free();
    fs::write(disk.path().join("more"), [1; 10_000]).unwrap();
    let path = disk.path();
    drop(disk);
    assert!(!path.exists());
}

//! Large objects: on S3 in parts, of which none stay behind when an upload is given up; elsewhere in one request.

use std::sync::atomic::{AtomicUsize, Ordering};

use warehouse_sink_testkit::{Fate, HttpProxy, NatsServer, S3Server, Settings, Sink, Store, http, verify, wait_until};

use super::world::{FILES, PROGRAM, SOON, World};

/// Messages of 900 kB that can't be decoded, so that they are stored as they are: their file is larger than one part.
const LARGE: [&str; 4] = ["--large-poison", "12", "--size", "900000"];

/// What the objects are called by which the sink finds out at its start whether the store takes any.
const PROBE: &str = ".warehouse-sink-probe-";

fn large(nats: &NatsServer) {
    assert_eq!(verify::publish_python(nats, &LARGE).number(&["poison"]), 12);
}

fn settings(world: &World, network: &HttpProxy) -> Settings {
    let settings = world.store.settings_at(world.base(), Store::BUCKET, network.address());
    settings.set("batch", "flush_interval", "5s").set("nats", "ack_wait", "1s")
}

/// The second part of an upload never arrives. The attempt is given up and aborted, and made again.
#[test]
fn a_given_up_upload_leaves_no_parts_behind() {
    let world = World::new("s3");
    large(&world.nats);
    let network = HttpProxy::start(world.store.address());
    let held = AtomicUsize::new(0);
    network.decide(move |head| match head.target.contains("partNumber=2&") {
        true if held.fetch_add(1, Ordering::Relaxed) < 2 => Fate::Hold(1000),
        _ => Fate::Pass,
    });
    let sink = Sink::start(PROGRAM, &settings(&world, &network).set("storage", "write_timeout", "3s"));
    world.nats.wait_settled(SOON);
    assert_eq!(network.count(|_, fate| matches!(fate, Fate::Hold(_))), 2);
    wait_until(SOON, "each attempt that was given up to be aborted", || {
        network.count(|head, _| head.method == "DELETE" && head.target.contains("uploadId=")) >= 2
    });
    assert!(sink.metric(FILES, &[("outcome", "unknown")]) >= 2.0);
    world.finish(sink, Store::BUCKET);
    let Store::S3(server) = &world.store else { unreachable!() };
    assert_eq!(server.unfinished_uploads(), "");
}

/// Where an object gets its name only once it is whole, what was written of it under another one is removed.
#[test]
fn a_given_up_upload_leaves_no_file_behind_on_webdav() {
    let world = World::new("webdav");
    let network = HttpProxy::start(world.store.address());
    let [held, moved] = [(); 2].map(|()| AtomicUsize::new(0));
    network.decide(move |head| match head.method.as_str() {
        "PUT" if held.fetch_add(1, Ordering::Relaxed) < 2 => Fate::Hold(1000),
        "MOVE" if moved.fetch_add(1, Ordering::Relaxed) < 2 => Fate::Answer(507, ""),
        _ => Fate::Pass,
    });
    let settings = settings(&world, &network).set("storage", "write_timeout", "3s");
    let sink = Sink::start(PROGRAM, &settings.set("storage", "retry_initial", "50ms"));
    world.nats.wait_settled(SOON);
    let removed = || network.count(|head, _| head.method == "DELETE" && head.target.contains("/.warehouse-sink/"));
    wait_until(SOON, "what was given up to be removed", || removed() >= 4);
    world.finish(sink, Store::BUCKET);
    let Store::WebDav(server) = &world.store else { unreachable!() };
    let left = http::get(server.s3().address(), &format!("/{}?list-type=2&prefix=.warehouse-sink/", Store::BUCKET));
    let left = left.unwrap();
    assert!(left.status == 200 && left.body.contains("ListBucketResult"), "{left:?}");
    let names = left.body.split("<Key>").skip(1).filter(|key| !key.starts_with(".warehouse-sink/</Key>"));
    assert_eq!(names.count(), 0, "{}", left.body);
}

/// A shutdown that runs out of time in mid-upload aborts it before the process ends.
#[test]
fn an_upload_that_a_shutdown_cuts_short_leaves_no_parts_behind() {
    let world = World::new("s3");
    large(&world.nats);
    let network = HttpProxy::start(world.store.address());
    network.decide(|head| if head.target.contains("partNumber=2&") { Fate::Hold(1000) } else { Fate::Pass });
    let mut sink = Sink::start(PROGRAM, &settings(&world, &network).set("shutdown", "timeout", "1s"));
    wait_until(SOON, "a second part", || network.count(|_, fate| matches!(fate, Fate::Hold(_))) >= 1);
    let Store::S3(server) = &world.store else { unreachable!() };
    assert!(server.unfinished_uploads().contains("<UploadId>"));
    assert_eq!(sink.stop(SOON), Some(3), "the shutdown ran out of time");
    assert_eq!(server.unfinished_uploads(), "");
}

/// What a killed process had begun stays with the server: nobody is left to abort it. A rule of the bucket has to.
#[test]
fn an_upload_that_was_killed_stays_behind_unseen() {
    let world = World::new("s3");
    large(&world.nats);
    let network = HttpProxy::start(world.store.address());
    network.decide(|head| if head.target.contains("partNumber=2&") { Fate::Hold(1000) } else { Fate::Pass });
    let settings = settings(&world, &network);
    let mut sink = Sink::start(PROGRAM, &settings);
    wait_until(SOON, "a second part", || {
        network.count(|_, fate| matches!(fate, Fate::Hold(_))) == 1 && sink.acked() > 0
    });
    sink.kill();
    network.pass();
    let Store::S3(server) = &world.store else { unreachable!() };
    assert!(server.unfinished_uploads().contains("<UploadId>"));
    let sink = Sink::start(PROGRAM, &settings);
    world.nats.wait_settled(SOON);
    drop(sink);
    let allowed = ["--allow-duplicates", "100", "--consumer", Settings::CONSUMER];
    world.store.exact(&world.nats, S3Server::BUCKET, &allowed).assert_ok();
}

/// On the other stores nothing can stay behind, because nothing is sent in parts.
#[test]
fn a_large_object_is_one_request_elsewhere() {
    for service in ["gcs", "azblob"] {
        let world = World::new(service);
        large(&world.nats);
        let network = HttpProxy::start(world.store.address());
        let sink = Sink::start(PROGRAM, &settings(&world, &network));
        world.finish(sink, Store::BUCKET);
        let large = network.count(|head, _| head.length > 9_000_000);
        assert!(large >= 1, "{service}: no object is larger than a part");
        let written =
            network.count(|head, _| matches!(head.method.as_str(), "PUT" | "POST") && !head.target.contains(PROBE));
        let files = world.stored(Store::BUCKET);
        assert_eq!(written as u64, files, "{service}: one request for each object");
    }
}

//! The sink dies (SIGKILL) while the store has half of an object.

use warehouse_sink_testkit::{Fate, Head, HttpProxy, Sink, Store, wait_until};

use super::world::{PROGRAM, SOON, World};

/// Half of an object is never seen, and the next run stores everything once: nothing was written by the first.
pub fn kill_in_mid_upload(service: &str) {
    let world = World::new(service);
    let network = HttpProxy::start(world.store.address());
    // The questions that some stores are asked before are short.
    let uploads = |head: &Head| head.length > 1000;
    network.decide(move |head| if uploads(head) { Fate::Hold(head.length / 2) } else { Fate::Pass });
    let settings = world.store.settings_at(world.base(), Store::BUCKET, network.address());
    let settings = settings.set("nats", "ack_wait", "1s");
    let mut sink = Sink::start(PROGRAM, &settings);
    wait_until(SOON, "an upload to be half-way", || network.count(|head, _| uploads(head)) >= 2);
    sink.kill();
    assert_eq!(world.stored(Store::BUCKET), 0, "no half of an object is seen");

    network.pass();
    let sink = Sink::start(PROGRAM, &settings);
    world.finish(sink, Store::BUCKET);
}

//! Credentials that the store refuses.

use warehouse_sink_testkit::{Fate, GcsServer, HttpProxy, Sink, Store};

use crate::world::{FILES, PROGRAM, SOON, World, refusal};

const INVALID: &str =
    r#"{"error": {"code": 401, "message": "Invalid Credentials", "errors": [{"reason": "authError"}]}}"#;

/// A network that asks for the login that fake-gcs-server does not ask for; the others look at it themselves.
fn doorkeeper(world: &World) -> HttpProxy {
    let network = HttpProxy::start(world.store.address());
    if matches!(world.store, Store::Gcs(_)) {
        let wanted = format!("Bearer {}", GcsServer::TOKEN);
        network.decide(move |head| match head.header("authorization") {
            Some(login) if login == wanted => Fate::Pass,
            _ => Fate::Answer(401, INVALID),
        });
    }
    network
}

/// `check` and `run` say what is refused and not the secret; no message is acked; with the right login all is stored once.
pub fn refused_credentials(service: &str) {
    let world = World::new(service);
    let network = doorkeeper(&world);
    let right = world.store.settings_at(world.base(), Store::BUCKET, network.address());
    let (option, secret) = world.store.wrong_login();
    let wrong = right.clone().set("storage.options", option, secret);

    let said = refusal(&wrong);
    assert!(["the server answered 401", "the server answered 403"].iter().any(|word| said.contains(word)), "{said}");
    let mut sink = Sink::start(PROGRAM, &wrong.set("shutdown", "timeout", "1s"));
    sink.wait_metric(SOON, FILES, &[("outcome", "failed")], 5.0);
    assert_eq!((sink.acked(), sink.written()), (0, 0));
    assert_eq!(sink.ready().unwrap().0, 503);
    sink.stop(SOON);
    assert!(!(said + &sink.log()).contains(secret), "the secret is said");
    assert_eq!(world.stored(Store::BUCKET), 0);

    let sink = Sink::start(PROGRAM, &right);
    world.finish(sink, Store::BUCKET);
}

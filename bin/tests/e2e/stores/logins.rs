//! Credentials that the store refuses.

use warehouse_sink_testkit::{Fate, GcsServer, HttpProxy, Sink, Store};

use super::world::{FILES, PROGRAM, SOON, World, refusal};

const INVALID: &str =
    r#"{"error": {"code": 401, "message": "Invalid Credentials", "errors": [{"reason": "authError"}]}}"#;

/// A network that asks for the login that the server does not ask for: fake-gcs-server, and SeaweedFS's WebDAV. The others look at it
/// themselves.
fn doorkeeper(world: &World) -> HttpProxy {
    let network = HttpProxy::start(world.store.address());
    let wanted = match world.store {
        Store::Gcs(_) => Some(format!("Bearer {}", GcsServer::TOKEN)),
        // The user and the password of `WebDavServer`, as Basic has them.
        Store::WebDav(_) => Some("Basic c2luazp0ZXN0a2l0LXBhc3N3b3Jk".to_owned()),
        _ => None,
    };
    if let Some(wanted) = wanted {
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

//! Where JetStream is: at one of several servers, in a domain behind a leaf node, in another account.

use warehouse_sink_testkit::{NatsServer, free_ports, wait_until};

use super::{Door, SOON, refused};

#[test]
fn several_servers_of_which_the_first_is_dead_and_another_refuses() {
    let door = Door::closed("", "authorization { user: sink, password: right }");
    let stranger =
        NatsServer::with_config("authorization { users: [{ user: other, password: other }] }\nno_auth_user: other");
    let [nobody] = free_ports();
    let (dead, strange, right) = (format!("nats://127.0.0.1:{nobody}"), stranger.url(), door.nats.url());
    let settings = door.settings().set("nats", "username", "sink").set("nats", "password", "right");
    refused(
        &settings.clone().set("nats", "url", vec![dead.clone(), strange.clone()]),
        &[&format!("{dead}: "), "refused (os error 111)", &format!("{strange} refused the user `sink`")],
    );
    door.opens_to(&settings.set("nats", "url", vec![dead, strange, right]));
}

#[test]
fn a_domain_behind_a_leaf_node() {
    let [port] = free_ports();
    let hub = format!("jetstream {{ domain: hub }}\nleafnodes {{ listen: \"127.0.0.1:{port}\" }}");
    let door = Door::filled(&hub);
    let leaf = NatsServer::with_config(&format!(
        "jetstream {{ domain: leaf }}\nleafnodes {{ remotes: [{{ url: \"nats-leaf://127.0.0.1:{port}\" }}] }}"
    ));
    wait_until(SOON, "the leaf node to be connected", || leaf.log().contains("Leafnode connection created"));
    let settings = door.settings().set("nats", "url", leaf.url());
    refused(
        &settings.clone().set("nats", "jetstream_domain", "elsewhere"),
        &["nobody answers on $JS.elsewhere.API", "domain `elsewhere`", "check nats.jetstream_domain"],
    );
    refused(&settings, &["could not find the stream CAUSALITY_EVENTS", "stream not found"]);
    door.opens_to(&settings.set("nats", "jetstream_domain", "hub"));
}

/// One account has the stream, another one the sink; the API is imported under another name.
const ACCOUNTS: &str = r#"
accounts {
  STORE: {
    jetstream: enabled, users: [{ user: store, password: store }],
    exports: [{ service: "$JS.API.>", response_type: stream }, { service: "$JS.ACK.>" }]
  }
  SINK: {
    users: [{ user: sink, password: right }],
    imports: [
      { service: { account: STORE, subject: "$JS.API.>" }, to: "JS.store.API.>" },
      { service: { account: STORE, subject: "$JS.ACK.>" } }
    ]
  }
}
"#;

#[test]
fn the_api_of_another_account_under_a_prefix() {
    let door = Door::closed(&format!("{ACCOUNTS}\nno_auth_user: store"), ACCOUNTS);
    let settings = door.settings().set("nats", "username", "sink").set("nats", "password", "right");
    refused(
        &settings.clone().set("nats", "api_prefix", "JS.other.API"),
        &["nobody answers on JS.other.API", "imports no JetStream there; check nats.api_prefix"],
    );
    refused(&settings, &["could not find the stream CAUSALITY_EVENTS", "not enabled for account"]);
    door.opens_to(&settings.set("nats", "api_prefix", "JS.store.API"));
}

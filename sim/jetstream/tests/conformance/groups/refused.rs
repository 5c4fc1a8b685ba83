//! The codes with which the server refuses. The sink tells an operator by them what to do, and takes some for an answer; the model has no
//! words, so this is asked of the real server alone.

use serde_json::{Value, json};
use warehouse_sink_testkit::NatsServer;

use crate::client::Client;

struct Api(Client);

impl Api {
    fn ask(&mut self, subject: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        serde_json::from_slice(&self.0.request(&format!("$JS.API.{subject}"), body.as_bytes()).body).unwrap()
    }

    /// The error's code; 0 where there is none.
    fn code(&mut self, subject: &str, body: &Value) -> u64 {
        self.ask(subject, body)["error"]["err_code"].as_u64().unwrap_or_default()
    }

    /// Creates a stream of the subjects `NAME.>`, with these settings beside.
    fn stream(&mut self, name: &str, settings: Value) {
        let mut config = json!({ "name": name, "subjects": [format!("{name}.>")] });
        let Value::Object(settings) = settings else { panic!("no settings: {settings}") };
        config.as_object_mut().unwrap().extend(settings);
        assert_eq!(self.code(&format!("STREAM.CREATE.{name}"), &config), 0);
    }

    /// Creates a consumer as the sink does, with these settings beside; gives the error's code.
    fn create(&mut self, stream: &str, name: &str, settings: Value) -> u64 {
        let mut config = json!({ "durable_name": name, "ack_policy": "explicit" });
        let Value::Object(settings) = settings else { panic!("no settings: {settings}") };
        config.as_object_mut().unwrap().extend(settings);
        let body = json!({ "stream_name": stream, "config": config, "action": "create" });
        self.code(&format!("CONSUMER.CREATE.{stream}.{name}"), &body)
    }
}

#[test]
fn each_refusal_has_the_code_that_the_sink_knows_it_by() {
    let server = NatsServer::start();
    let mut api = Api(Client::connect(server.address()));

    api.stream("ALONE", json!({ "retention": "workqueue" }));
    assert_eq!(api.create("ALONE", "A", json!({})), 0);
    assert_eq!(api.create("ALONE", "B", json!({})), 10099, "another has the work queue to itself");

    api.stream("PARTED", json!({ "retention": "workqueue" }));
    assert_eq!(api.create("PARTED", "A", json!({ "filter_subject": "PARTED.a.>" })), 0);
    assert_eq!(
        api.create("PARTED", "B", json!({ "filter_subject": "PARTED.*.1" })),
        10100,
        "they have subjects in common"
    );
    assert_eq!(api.create("PARTED", "B", json!({ "filter_subject": "PARTED.b.>" })), 0);
    let later = json!({ "filter_subject": "PARTED.c", "deliver_policy": "by_start_sequence", "opt_start_seq": 2 });
    assert_eq!(api.create("PARTED", "C", later), 10101, "a work queue is read from its beginning");

    api.stream("FULL", json!({ "max_consumers": 1 }));
    assert_eq!(api.create("FULL", "A", json!({})), 0);
    assert_eq!(api.create("FULL", "B", json!({})), 10026, "the stream has as many as it may");

    api.stream("LIMITED", json!({ "consumer_limits": { "max_ack_pending": 10 } }));
    assert_eq!(api.create("LIMITED", "A", json!({ "max_ack_pending": 11 })), 10121, "the stream allows fewer");

    api.stream("TWICE", json!({}));
    assert_eq!(api.create("TWICE", "A", json!({})), 0);
    assert_eq!(api.create("TWICE", "A", json!({})), 0, "the same once more");
    assert_eq!(api.create("TWICE", "A", json!({ "max_deliver": 3 })), 10148, "another replica was quicker");
}

#[test]
fn what_is_missing_has_a_code_of_its_own() {
    let server = NatsServer::start();
    let mut api = Api(Client::connect(server.address()));
    assert_eq!(api.code("STREAM.INFO.NONE", &Value::Null), 10059);
    api.stream("EMPTY", json!({}));
    assert_eq!(api.code("CONSUMER.INFO.EMPTY.NONE", &Value::Null), 10014);
    assert_eq!(api.code("STREAM.MSG.GET.EMPTY", &json!({ "seq": 1, "next_by_subj": "EMPTY.>" })), 10037);
}

//! A real nats-server.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use warehouse_sink_jetstream_model::{ConsumerConfig, ConsumerInfo, Start, Verdict};
use warehouse_sink_testkit::NatsServer;

use super::client::Client;
use super::{Got, Server};

pub struct Real {
    client: Client,
    replies: BTreeMap<u64, String>,
    /// The subscription of each pull request.
    pulls: Vec<usize>,
    /// Dropped last: it ends the server.
    _server: NatsServer,
}

impl Real {
    pub fn start(max_messages: Option<usize>) -> Self {
        let server = NatsServer::start();
        let client = Client::connect(server.address());
        let mut real = Real { client, replies: BTreeMap::new(), pulls: Vec::new(), _server: server };
        let most = max_messages.map_or(-1, |most| most as i64);
        real.call("STREAM.CREATE.S", &json!({ "name": "S", "subjects": ["s"], "storage": "file", "max_msgs": most }));
        real
    }

    fn call(&mut self, api: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.client.request(&format!("$JS.API.{api}"), body.as_bytes());
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(answer.get("error").is_none(), "{api}: {answer}");
        answer
    }
}

impl Server for Real {
    fn publish(&mut self, body: &[u8]) {
        self.client.request("s", body);
        // What the message led to is sent before the answer to a later ping.
        self.client.read_for(Duration::from_millis(20));
    }

    fn create_consumer(&mut self, config: &ConsumerConfig) {
        let mut body = json!({
            "durable_name": "C", "ack_policy": "explicit", "ack_wait": config.ack_wait.as_nanos() as u64,
            "max_ack_pending": config.max_ack_pending.map_or(-1, |most| most as i64),
            "max_deliver": config.max_deliver.map_or(-1, |most| most as i64),
            "deliver_policy": "all",
        });
        if let Start::Sequence(sequence) = config.start {
            body["deliver_policy"] = json!("by_start_sequence");
            body["opt_start_seq"] = json!(sequence);
        }
        self.call("CONSUMER.CREATE.S.C", &json!({ "stream_name": "S", "config": body }));
    }

    fn delete_consumer(&mut self) {
        self.call("CONSUMER.DELETE.S.C", &Value::Null);
        self.client.read_for(Duration::from_millis(50));
    }

    fn pull(&mut self, batch: usize, max_bytes: Option<u64>, expires: Duration) -> usize {
        let (subscription, inbox) = self.client.subscribe();
        let mut body = json!({ "batch": batch, "expires": expires.as_nanos() as u64 });
        if let Some(bytes) = max_bytes {
            body["max_bytes"] = json!(bytes);
        }
        self.client.publish("$JS.API.CONSUMER.MSG.NEXT.S.C", &inbox, body.to_string().as_bytes());
        self.client.round_trip();
        self.client.read_for(Duration::from_millis(50));
        self.pulls.push(subscription);
        self.pulls.len()
    }

    fn got(&mut self, pull: usize) -> Vec<Got> {
        let subscription = self.pulls[pull - 1];
        let (mine, others): (Vec<_>, _) = std::mem::take(&mut self.client.messages)
            .into_iter()
            .partition(|message| message.subscription == subscription);
        self.client.messages = others;
        let mut got = Vec::new();
        for message in mine {
            if let Some(status) = message.status {
                got.push(Got::Status(status));
                continue;
            }
            let numbers: Vec<u64> = message.reply.split('.').skip(4).map(|number| number.parse().unwrap()).collect();
            let [count, stream, consumer, _, pending] = numbers[..] else { panic!("not a reply: {}", message.reply) };
            self.replies.insert(consumer, message.reply);
            got.push(Got::Message { stream, consumer, count, pending });
        }
        got
    }

    fn settle(&mut self, consumer_sequence: u64, verdict: Verdict) {
        let body = match verdict {
            Verdict::Ack => "+ACK".to_owned(),
            Verdict::Nak(Duration::ZERO) => "-NAK".to_owned(),
            Verdict::Nak(delay) => format!("-NAK {{\"delay\":{}}}", delay.as_nanos()),
            Verdict::Term => "+TERM".to_owned(),
            Verdict::Progress => "+WPI".to_owned(),
        };
        let reply = self.replies[&consumer_sequence].clone();
        let (_, inbox) = self.client.subscribe();
        self.client.publish(&reply, &inbox, body.as_bytes());
        self.client.round_trip();
        self.client.read_for(Duration::from_millis(50));
    }

    fn wait(&mut self, duration: Duration) {
        self.client.read_for(duration);
    }

    fn info(&mut self) -> ConsumerInfo {
        let info = self.call("CONSUMER.INFO.S.C", &Value::Null);
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        ConsumerInfo {
            pending: count(&info["num_pending"]),
            ack_pending: count(&info["num_ack_pending"]) as usize,
            redelivered: count(&info["num_redelivered"]) as usize,
            ack_floor: count(&info["ack_floor"]["stream_seq"]),
            delivered: (count(&info["delivered"]["consumer_seq"]), count(&info["delivered"]["stream_seq"])),
            waiting: count(&info["num_waiting"]) as usize,
        }
    }
}

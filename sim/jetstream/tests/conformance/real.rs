//! A real nats-server.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use warehouse_sink_jetstream_model::{ConsumerConfig, ConsumerInfo, Forget, Start, StreamConfig, Verdict};
use warehouse_sink_testkit::NatsServer;

use super::client::Client;
use super::{Down, Got, STEP, Server};

/// The server does what it is asked in tasks of its own, which come after what is read of its answers.
const PAUSE: Duration = Duration::from_millis(10);

/// How many consumers a stream may have.
const PLACES: i64 = 2;
/// The error of one more.
const TOO_MANY_CONSUMERS: i64 = 10026;

pub struct Real {
    stream: String,
    config: StreamConfig,
    address: SocketAddr,
    /// Creates, publishes and asks for the consumer's info.
    admin: Client,
    clients: BTreeMap<usize, Client>,
    next_client: usize,
    /// The client and the subscription of each pull request.
    pulls: Vec<(usize, usize)>,
    /// What was given out, in order.
    replies: Vec<String>,
    /// When all steps and waits so far should have ended. Those that took longer make the later ones shorter.
    clock: Instant,
    /// How late the latest of them came.
    behind: Duration,
    /// Its own server, where it is not a shared one.
    server: Option<NatsServer>,
}

impl Real {
    pub fn start(stream: &str, shared: Option<SocketAddr>) -> Self {
        let server = shared.is_none().then(NatsServer::start);
        let address = shared.unwrap_or_else(|| server.as_ref().unwrap().address());
        Real {
            stream: stream.to_owned(),
            config: StreamConfig::default(),
            address,
            admin: Client::connect(address),
            clients: BTreeMap::new(),
            next_client: 0,
            pulls: Vec::new(),
            replies: Vec::new(),
            clock: Instant::now(),
            behind: Duration::ZERO,
            server,
        }
    }

    fn ask(&mut self, api: &str, more: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.admin.request(&format!("$JS.API.{api}.{}{more}", self.stream), body.as_bytes());
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn call(&mut self, api: &str, more: &str, body: &Value) -> Value {
        let answer = self.ask(api, more, body);
        assert!(answer.get("error").is_none(), "{api}: {answer}");
        answer
    }

    fn client(&mut self, client: usize) -> &mut Client {
        self.clients.get_mut(&client).unwrap()
    }

    /// Goes down, changes what is stored, and comes up.
    fn bounce(&mut self, down: Down, meanwhile: impl FnOnce(&Path)) {
        // What the server has acknowledged, it writes down within a tenth of a second.
        thread::sleep(Duration::from_millis(250));
        self.clients.clear();
        let server = self.server.as_mut().unwrap();
        match down {
            Down::Stopped => server.stop(),
            Down::Killed => server.kill(),
        }
        meanwhile(&server.store());
        server.start_again();
        self.admin = Client::connect(self.address);
    }

    /// That a consumer is created or deleted is never forgotten: what was kept before changes as well.
    fn change_saved(&self, change: impl FnOnce(&Path, &Path)) {
        let Some(store) = self.server.as_ref().map(NatsServer::store).filter(|store| saved(store).exists()) else {
            return;
        };
        let folder = self.consumer_folder();
        change(&store.join(&folder), &saved(&store).join(&folder));
    }

    fn consumer_folder(&self) -> PathBuf {
        ["jetstream", "$G", "streams", &self.stream, "obs"].iter().collect()
    }
}

fn consumer_config(config: &ConsumerConfig) -> Value {
    let mut body = json!({
        "durable_name": "C", "ack_wait": config.ack_wait.as_nanos() as u64, "ack_policy": "explicit",
        "max_ack_pending": config.max_ack_pending.map_or(-1, |most| most as i64),
        "max_deliver": config.max_deliver.map_or(-1, |most| most as i64),
        "deliver_policy": "all",
    });
    if let Some(filter) = &config.filter {
        body["filter_subject"] = json!(**filter);
    }
    if let Start::Sequence(sequence) = config.start {
        body["deliver_policy"] = json!("by_start_sequence");
        body["opt_start_seq"] = json!(sequence);
    }
    body
}

/// A copy of the store, beside it.
fn saved(store: &Path) -> PathBuf {
    store.with_extension("saved")
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

impl Server for Real {
    fn create_stream(&mut self, config: &StreamConfig) {
        self.config = config.clone();
        let limit = |limit: Option<usize>| limit.map_or(-1, |most| most as i64);
        let config = json!({
            "name": self.stream, "subjects": [self.stream, self.subject(Some(">"))], "storage": "file",
            "max_msgs": limit(config.max_messages), "max_msgs_per_subject": limit(config.max_per_subject),
            "allow_msg_ttl": true, "max_consumers": PLACES,
        });
        self.call("STREAM.CREATE", "", &config);
        self.clock = Instant::now();
    }

    fn subject(&self, name: Option<&str>) -> String {
        name.map_or_else(|| self.stream.clone(), |name| format!("{}.{name}", self.stream))
    }

    fn publish(&mut self, subject: Option<&str>, body: &[u8]) {
        let subject = self.subject(subject);
        self.admin.request(&subject, body);
    }

    fn publish_for(&mut self, seconds: u64) {
        let subject = self.subject(None);
        let answer = self.admin.request_with(&subject, &format!("Nats-TTL: {seconds}s"), b"");
        assert!(!String::from_utf8_lossy(&answer.body).contains("error"), "{answer:?}");
    }

    fn delete_message(&mut self, sequence: u64) {
        self.call("STREAM.MSG.DELETE", "", &json!({ "seq": sequence }));
        self.wait(STEP);
    }

    fn recreate_stream(&mut self) {
        self.call("STREAM.DELETE", "", &Value::Null);
        let clock = self.clock;
        self.create_stream(&self.config.clone());
        self.clock = clock;
        self.wait(STEP);
    }

    fn update_consumer(&mut self, config: &ConsumerConfig) {
        let body = json!({ "stream_name": self.stream, "config": consumer_config(config), "action": "update" });
        self.call("CONSUMER.CREATE", ".C", &body);
        self.wait(STEP);
    }

    fn pause_consumer(&mut self, pause: Duration) {
        let until = humantime::format_rfc3339_nanos(SystemTime::now() + pause).to_string();
        let body = if pause.is_zero() { json!({}) } else { json!({ "pause_until": until }) };
        self.call("CONSUMER.PAUSE", ".C", &body);
        self.wait(STEP);
    }

    fn refuse_consumers(&mut self, refuse: bool) {
        for place in 0..PLACES {
            let name = format!("OTHER{place}");
            let config = json!({ "durable_name": name, "ack_policy": "explicit" });
            let body = json!({ "stream_name": self.stream, "config": config });
            if refuse {
                self.call("CONSUMER.CREATE", &format!(".{name}"), &body);
            } else {
                self.call("CONSUMER.DELETE", &format!(".{name}"), &Value::Null);
            }
        }
        self.wait(STEP);
    }

    fn purge(&mut self, before: Option<u64>) {
        self.call("STREAM.PURGE", "", &before.map_or(Value::Null, |before| json!({ "seq": before })));
        self.wait(STEP);
    }

    fn create_consumer(&mut self, config: &ConsumerConfig) -> bool {
        let body = json!({ "stream_name": self.stream, "config": consumer_config(config) });
        let answer = self.ask("CONSUMER.CREATE", ".C", &body);
        let refused = answer["error"]["err_code"] == TOO_MANY_CONSUMERS;
        assert!(refused || answer.get("error").is_none(), "{answer}");
        self.wait(STEP);
        self.change_saved(copy);
        !refused
    }

    fn delete_consumer(&mut self) {
        self.call("CONSUMER.DELETE", ".C", &Value::Null);
        self.change_saved(|_, saved| fs::remove_dir_all(saved).unwrap());
        self.wait(STEP);
    }

    fn connect(&mut self) -> usize {
        self.next_client += 1;
        self.clients.insert(self.next_client, Client::connect(self.address));
        self.next_client
    }

    fn disconnect(&mut self, client: usize) {
        self.clients.remove(&client).unwrap();
        self.wait(STEP);
    }

    fn pull(&mut self, client: usize, batch: usize, max_bytes: Option<u64>, expires: Duration) -> usize {
        let mut body = json!({ "batch": batch, "expires": expires.as_nanos() as u64 });
        if let Some(bytes) = max_bytes {
            body["max_bytes"] = json!(bytes);
        }
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.C", self.stream);
        let connection = self.client(client);
        let (subscription, inbox) = connection.subscribe();
        connection.publish(&subject, &inbox, body.to_string().as_bytes());
        connection.round_trip();
        self.wait(STEP);
        self.pulls.push((client, subscription));
        self.pulls.len()
    }

    fn unsubscribe(&mut self, pull: usize) {
        let (client, subscription) = self.pulls[pull - 1];
        self.client(client).unsubscribe(subscription);
        self.wait(STEP);
    }

    fn got(&mut self, pull: usize) -> Vec<Got> {
        let (client, subscription) = self.pulls[pull - 1];
        let Some(connection) = self.clients.get_mut(&client) else { return Vec::new() };
        connection.round_trip();
        let messages = connection.take(subscription);
        let mut got = Vec::new();
        for message in messages {
            if let Some(status) = message.status {
                got.push(Got::Status(status));
                continue;
            }
            let numbers: Vec<u64> = message.reply.split('.').skip(4).map(|number| number.parse().unwrap()).collect();
            let [count, stream, consumer, _, pending] = numbers[..] else { panic!("not a reply: {}", message.reply) };
            self.replies.push(message.reply);
            got.push(Got::Message { stream, consumer, count, pending });
        }
        got
    }

    fn settle(&mut self, client: usize, deliveries: &[usize], verdict: Verdict) {
        let body = match verdict {
            Verdict::Ack => "+ACK".to_owned(),
            Verdict::Nak(Duration::ZERO) => "-NAK".to_owned(),
            Verdict::Nak(delay) => format!("-NAK {{\"delay\":{}}}", delay.as_nanos()),
            Verdict::Term => "+TERM".to_owned(),
            Verdict::Progress => "+WPI".to_owned(),
        };
        // A delivery that did not come shows as a difference already.
        let replies = deliveries.iter().filter_map(|delivery| self.replies.get(delivery - 1));
        let connection = self.clients.get_mut(&client).unwrap();
        replies.for_each(|reply| connection.publish(reply, "", body.as_bytes()));
        connection.round_trip();
        self.wait(STEP);
    }

    fn restart(&mut self, down: Down) {
        self.bounce(down, |_| {});
    }

    fn save(&mut self) {
        self.bounce(Down::Stopped, |store| copy(store, &saved(store)));
    }

    fn restore(&mut self, forget: Forget) {
        let consumer = self.consumer_folder();
        self.bounce(Down::Killed, |store| match forget {
            Forget::Nothing => {}
            Forget::Consumer => copy(&saved(store).join(&consumer), &store.join(&consumer)),
            Forget::StreamAndConsumer => copy(&saved(store), store),
        });
    }

    fn wait(&mut self, duration: Duration) {
        self.clock += duration;
        thread::sleep(self.clock.saturating_duration_since(Instant::now()).max(PAUSE));
        self.behind = self.behind.max(self.clock.elapsed());
    }

    fn behind(&self) -> Duration {
        self.behind
    }

    fn info(&mut self) -> Option<ConsumerInfo> {
        let info = self.ask("CONSUMER.INFO", ".C", &Value::Null);
        if info["error"]["code"] == 404 {
            return None;
        }
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        let pair = |value: &Value| (count(&value["consumer_seq"]), count(&value["stream_seq"]));
        let (ack_floor_delivery, ack_floor) = pair(&info["ack_floor"]);
        Some(ConsumerInfo {
            pending: count(&info["num_pending"]),
            ack_pending: count(&info["num_ack_pending"]) as usize,
            redelivered: count(&info["num_redelivered"]) as usize,
            ack_floor,
            ack_floor_delivery,
            delivered: pair(&info["delivered"]),
            waiting: count(&info["num_waiting"]) as usize,
        })
    }
}

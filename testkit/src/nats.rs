//! A real nats-server with JetStream.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::nats_client::NatsClient;
use crate::ports::free_ports;
use crate::process::{Process, Signal};
use crate::tools::tool;
use crate::wait::{wait_for, wait_until};

/// A server with a large store recovers it before it answers.
const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(30);

/// A nats-server on a loopback port of its own, its store in a temporary folder.
#[derive(Debug)]
pub struct NatsServer {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

/// What a stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// Messages in it.
    pub messages: u64,
    /// The sequence of its oldest message.
    pub first_sequence: u64,
    /// The sequence of its newest message.
    pub last_sequence: u64,
}

/// How far a consumer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerState {
    /// Messages that were never delivered.
    pub pending: u64,
    /// Messages that are delivered and not settled.
    pub ack_pending: u64,
    /// Messages, of those not settled, that were delivered more than once.
    pub redelivered: u64,
    /// The stream sequence below which all is settled.
    pub ack_floor: u64,
    /// The stream sequence of the newest delivery.
    pub delivered: u64,
    /// Deliveries so far, repeated ones included.
    pub deliveries: u64,
    /// Pull requests that wait for messages.
    pub waiting: u64,
}

impl NatsServer {
    /// Starts a server and waits until JetStream answers.
    ///
    /// # Panics
    ///
    /// When the tools are missing or the server doesn't come up.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::with_config("")
    }

    /// Starts a server with more lines for its configuration file, such as `max_payload: 8MB`.
    ///
    /// # Panics
    ///
    /// When the tools are missing or the server doesn't come up.
    #[must_use]
    #[track_caller]
    pub fn with_config(more: &str) -> Self {
        let mut server = Self::prepare(more);
        server.start_again();
        server
    }

    /// A server that is configured and not started.
    #[track_caller]
    pub(crate) fn prepare(more: &str) -> Self {
        let [port] = free_ports();
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let server = Self { folder, port, process: None };
        server.configure(more);
        server
    }

    /// Of a key that is there twice, the server takes the last.
    #[track_caller]
    fn configure(&self, more: &str) {
        let (port, store) = (self.port, self.folder.path().join("store"));
        let config = format!("listen: \"127.0.0.1:{port}\"\nstore_dir: {store:?}\njetstream: enabled\n{more}\n");
        fs::write(self.folder.path().join("nats.conf"), config)
            .unwrap_or_else(|error| panic!("cannot write the server's configuration: {error}"));
    }

    /// Starts the server on the same port and the same store, after [`Self::stop`] or [`Self::kill`].
    #[track_caller]
    pub fn start_again(&mut self) {
        self.launch();
        self.wait_answers();
    }

    /// Starts the server over with these lines in its configuration instead of those before, on the same port and the same store.
    /// It may have a demand that nobody has met yet: all that is waited for is that it listens.
    #[track_caller]
    pub fn restart_with(&mut self, more: &str) {
        self.stop();
        self.configure(more);
        self.launch();
        let address = self.address();
        wait_for(START, "nats-server to listen", || {
            self.running();
            TcpStream::connect(address).map_err(|error| error.to_string())
        });
    }

    /// Has the running server take up these lines of configuration instead of those before. It cuts off who may not be connected
    /// any more.
    ///
    /// # Panics
    ///
    /// When it doesn't take them up.
    #[track_caller]
    pub fn reload_with(&mut self, more: &str) {
        let reloads = |server: &Self| server.log().matches("Reloaded server configuration").count();
        let before = reloads(self);
        self.configure(more);
        self.signal(Signal::Hangup);
        wait_until(START, "nats-server to reload its configuration", || reloads(self) > before);
    }

    #[track_caller]
    pub(crate) fn launch(&mut self) {
        let mut command = Command::new(tool("nats-server"));
        command.arg("-c").arg(self.folder.path().join("nats.conf"));
        self.process = Some(Process::start("nats-server", &mut command, &self.folder.path().join("nats.log")));
    }

    #[track_caller]
    pub(crate) fn wait_answers(&mut self) {
        let address = self.address();
        wait_for(START, "nats-server to answer", || {
            self.running();
            let mut client = NatsClient::connect(address).map_err(|error| error.to_string())?;
            client.jetstream("INFO", &Value::Null).map_err(|error| error.to_string())
        });
    }

    /// The folder that JetStream stores in.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    #[track_caller]
    fn running(&mut self) {
        let Some(process) = &mut self.process else { panic!("nats-server was not started") };
        if let Some(status) = process.exited() {
            panic!("nats-server ended with {status}: {}", process.log());
        }
    }

    /// The server's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// Stops the server as an operator would. Nothing happens when it is down.
    #[track_caller]
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::Terminate);
            process.wait_exit(STOP);
        }
    }

    /// Kills the server (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Freezes or wakes the server, or whatever else the signal does.
    ///
    /// # Panics
    ///
    /// When it is down.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        match &mut self.process {
            Some(process) => process.signal(signal),
            None => panic!("nats-server is not running"),
        }
    }

    /// A new connection to the server.
    ///
    /// # Panics
    ///
    /// When it can't be reached.
    #[must_use]
    #[track_caller]
    pub fn client(&self) -> NatsClient {
        NatsClient::connect(self.address()).unwrap_or_else(|error| panic!("cannot connect to nats-server: {error}"))
    }

    /// Creates a stream on file storage for `events.>`, as production has it.
    #[track_caller]
    pub fn create_stream(&self, stream: &str) {
        let config = json!({
            "name": stream, "subjects": ["events.>"], "retention": "limits", "storage": "file",
            "discard": "old", "num_replicas": 1, "max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "max_age": 0,
        });
        self.call(&format!("STREAM.CREATE.{stream}"), &config);
    }

    /// Deletes a consumer.
    #[track_caller]
    pub fn delete_consumer(&self, stream: &str, consumer: &str) {
        self.call(&format!("CONSUMER.DELETE.{stream}.{consumer}"), &Value::Null);
    }

    /// What a stream holds.
    #[must_use]
    #[track_caller]
    pub fn stream(&self, stream: &str) -> StreamState {
        let state = &self.call(&format!("STREAM.INFO.{stream}"), &Value::Null)["state"];
        StreamState {
            messages: count(&state["messages"]),
            first_sequence: count(&state["first_seq"]),
            last_sequence: count(&state["last_seq"]),
        }
    }

    /// How far a consumer is; `None` when there is none of that name.
    #[must_use]
    #[track_caller]
    pub fn consumer(&self, stream: &str, consumer: &str) -> Option<ConsumerState> {
        let info = self.client().jetstream(&format!("CONSUMER.INFO.{stream}.{consumer}"), &Value::Null);
        let info = match info {
            Ok(info) => info,
            Err(error) if error.to_string().contains("consumer not found") => return None,
            Err(error) => panic!("{error}"),
        };
        Some(ConsumerState {
            pending: count(&info["num_pending"]),
            ack_pending: count(&info["num_ack_pending"]),
            redelivered: count(&info["num_redelivered"]),
            ack_floor: count(&info["ack_floor"]["stream_seq"]),
            delivered: count(&info["delivered"]["stream_seq"]),
            deliveries: count(&info["delivered"]["consumer_seq"]),
            waiting: count(&info["num_waiting"]),
        })
    }

    /// Waits until a message that is delivered now, to a consumer of this ack wait that doesn't settle it, was delivered
    /// again: by then the server has delivered again what any other consumer of the same ack wait has let lie.
    ///
    /// # Panics
    ///
    /// When that takes ten seconds more than the ack wait, or no message has the subject.
    #[track_caller]
    pub fn outwait(&self, stream: &str, subject: &str, ack_wait: Duration) {
        const CONTROL: &str = "control";
        let config = json!({ "stream_name": stream, "config": {
            "durable_name": CONTROL, "ack_policy": "explicit", "deliver_policy": "last", "filter_subject": subject,
            "ack_wait": u64::try_from(ack_wait.as_nanos()).unwrap_or(u64::MAX),
        }});
        self.call(&format!("CONSUMER.DURABLE.CREATE.{stream}.{CONTROL}"), &config);
        wait_for(ack_wait + Duration::from_secs(10), "a message to be delivered again", || {
            // What is answered is the message or that there is none, neither of which is JSON.
            let _ =
                self.client().jetstream(&format!("CONSUMER.MSG.NEXT.{stream}.{CONTROL}"), &json!({ "no_wait": true }));
            match self.consumer(stream, CONTROL) {
                Some(state) if state.deliveries > 1 => Ok(()),
                state => Err(format!("{state:?}")),
            }
        });
        self.delete_consumer(stream, CONTROL);
    }

    /// What the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    #[track_caller]
    fn call(&self, api: &str, body: &Value) -> Value {
        self.client().jetstream(api, body).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// JetStream leaves out what is zero.
fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

//! Three real nats-servers that replicate their streams.

use std::time::Duration;

use serde_json::{Value, json};

use crate::nats::NatsServer;
use crate::nats_client::NatsClient;
use crate::ports::free_ports;
use crate::settings::Settings;
use crate::wait::wait_for;

/// An election takes some seconds, and more on a machine that is busy.
const ELECTION: Duration = Duration::from_secs(60);

/// A cluster on the loopback interface. Its nodes are known by their index.
#[derive(Debug)]
pub struct NatsCluster {
    nodes: [NatsServer; 3],
}

impl NatsCluster {
    /// Starts the nodes and waits until they have a leader.
    ///
    /// # Panics
    ///
    /// When the tools are missing or the nodes don't come up.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let ports = free_ports::<3>();
        let routes: Vec<String> = ports.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let routes = routes.join(", ");
        let mut nodes = [0, 1, 2].map(|node: usize| {
            NatsServer::prepare(&format!(
                "server_name: node-{node}\ncluster {{ name: test, listen: \"127.0.0.1:{}\", routes: [{routes}] }}",
                ports[node]
            ))
        });
        nodes.iter_mut().for_each(NatsServer::launch);
        nodes.iter_mut().for_each(NatsServer::wait_answers);
        Self { nodes }
    }

    /// Creates a stream for `events.>` with three replicas.
    #[track_caller]
    pub fn create_stream(&self) {
        let config = json!({
            "name": Settings::STREAM, "subjects": ["events.>"], "retention": "limits", "storage": "file",
            "discard": "old", "num_replicas": 3,
        });
        let api = format!("STREAM.CREATE.{}", Settings::STREAM);
        wait_for(ELECTION, "the stream to be created", || {
            self.nodes[0].client().jetstream(&api, &config).map_err(|error| error.to_string())
        });
    }

    /// A node.
    #[must_use]
    pub fn node(&self, node: usize) -> &NatsServer {
        &self.nodes[node]
    }

    /// The URLs of all nodes.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(NatsServer::url).collect()
    }

    /// Waits until the stream has a leader and all replicas are there and up to date, and returns the leader.
    ///
    /// # Panics
    ///
    /// When that takes more than a minute.
    #[track_caller]
    pub fn wait_healthy(&self) -> usize {
        wait_for(ELECTION, "the stream's replicas to be up to date", || {
            let info = self.info()?;
            let replicas = info["cluster"]["replicas"].as_array().cloned().unwrap_or_default();
            let current = replicas.iter().filter(|replica| replica["current"] == true && replica["offline"] != true);
            let leader = info["cluster"]["leader"].as_str().and_then(|name| name.strip_prefix("node-")?.parse().ok());
            match (leader, current.count()) {
                (Some(leader), 2) => Ok(leader),
                _ => Err(info["cluster"].to_string()),
            }
        })
    }

    /// Kills a node (SIGKILL).
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// Starts a node that was killed. It catches up by itself.
    #[track_caller]
    pub fn start_again(&mut self, node: usize) {
        self.nodes[node].launch();
    }

    /// What the first node that answers says of the stream.
    fn info(&self) -> Result<Value, String> {
        let mut said = Vec::new();
        for node in &self.nodes {
            let asked = NatsClient::connect(node.address())
                .and_then(|mut client| client.jetstream(&format!("STREAM.INFO.{}", Settings::STREAM), &Value::Null));
            match asked {
                Ok(info) => return Ok(info),
                Err(error) => said.push(error.to_string()),
            }
        }
        Err(said.join("; "))
    }
}

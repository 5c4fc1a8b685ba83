//! Ends everything that a world has started.
//!
//! madsim drops no task that still waits when its runtime is dropped: a task holds its own waker, which holds the task. So a world that
//! only ends keeps its whole history in memory for ever, some 200 kB for each seed. A task that is aborted, or whose node is killed, is
//! dropped when its turn comes.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use madsim::runtime::Handle;
use madsim::task::{AbortHandle, NodeId};

/// What has to be ended: the world's own tasks, and the nodes that processes ran on.
#[derive(Clone, Default)]
pub(crate) struct Ends {
    started: Arc<Mutex<Started>>,
}

#[derive(Default)]
struct Started {
    tasks: Vec<AbortHandle>,
    nodes: Vec<NodeId>,
}

impl Ends {
    fn started(&self) -> MutexGuard<'_, Started> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Spawns a task of the world.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(task).abort_handle();
        self.started().tasks.push(task);
    }

    /// Adds the node of a process.
    pub fn add_node(&self, node: NodeId) {
        self.started().nodes.push(node);
    }

    /// Ends all, and waits until it is dropped.
    pub async fn end_all(&self) {
        let Started { tasks, nodes } = std::mem::take(&mut *self.started());
        nodes.into_iter().for_each(|node| Handle::current().kill(node));
        tasks.into_iter().for_each(|task| task.abort());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

//! Whether the user may do all that the sink needs: each request is made once, in a form that changes nothing.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::NatsSource;
use super::settle::body;
use crate::source::Settlement;

/// How long the answers may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the word of what is denied may take from the connection to here.
const QUEUE: Duration = Duration::from_millis(100);

/// What is no request that the server could carry out: it answers that it can't be read.
const UNREADABLE: &[u8] = b"{";

/// What the user may not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// The sink can't run without it.
    pub needed: Vec<String>,
    /// The sink can't create its consumer without it.
    pub to_create: Vec<String>,
}

impl NatsSource {
    /// Tries every subject that the sink publishes to, and its inbox. Nothing is delivered, settled, created or changed.
    pub async fn try_permissions(&self) -> Trial {
        let inner = &self.inner;
        let (api, stream, consumer) = (inner.config.api.prefix(), &inner.config.stream, &inner.config.consumer);
        let filter = match inner.config.filter_subjects.as_slice() {
            [one] => format!(".{one}"),
            _ => String::new(),
        };
        let create = format!("{api}.CONSUMER.CREATE.{stream}.{consumer}{filter}");
        // The server reads it before the requests: once one is answered, it has said whether this is denied.
        let _ = inner.client.publish(inner.reply_of_nothing(), body(Settlement::Progress)).await;
        let requests: [(String, &'static [u8]); 4] = [
            (format!("{api}.STREAM.INFO.{stream}"), b""),
            (format!("{api}.CONSUMER.INFO.{stream}.{consumer}"), b""),
            (format!("{api}.CONSUMER.MSG.NEXT.{stream}.{consumer}"), UNREADABLE),
            (create.clone(), UNREADABLE),
        ];
        // Whatever is answered is fine, and that nobody listens as well: the rest is found out where it is needed.
        let ask = |(subject, body): (String, &'static [u8])| {
            timeout(PATIENCE, inner.client.request(subject, Bytes::from_static(body)))
        };
        let _ = join_all(requests.map(ask)).await;
        // What is denied comes through a queue of the client's, beside the answers.
        tokio::time::sleep(QUEUE).await;
        let is_to_create = |denied: &String| denied.contains(&create);
        let (to_create, needed) = inner.denied.all().into_iter().partition(is_to_create);
        Trial { needed, to_create }
    }
}

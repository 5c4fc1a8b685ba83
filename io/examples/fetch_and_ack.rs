//! The least that a consumer of the stream can do, to measure the sink against: fetch, ack each message, drop the body.
//!
//! `fetch_and_ack URL STREAM COUNT BATCH` makes a durable consumer of its own, takes COUNT messages in fetches of BATCH
//! messages, prints `events seconds`, and removes the consumer.

use std::env;
use std::error::Error;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, consumer::AckPolicy, consumer::pull};
use futures_util::StreamExt;

const CONSUMER: &str = "fetch-and-ack";
/// Room enough that the server never waits for acks.
const MAX_ACK_PENDING: i64 = 100_000;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, stream, count, batch] = arguments.as_slice() else {
        return Err("usage: fetch_and_ack URL STREAM COUNT BATCH".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(url, stream, count.parse()?, batch.parse()?))
}

async fn measure(url: &str, stream: &str, count: usize, batch: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
    let client = async_nats::connect(url).await?;
    let stream = jetstream::new(client.clone()).get_stream(stream).await?;
    let config = pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: MAX_ACK_PENDING,
        ..pull::Config::default()
    };
    let started = Instant::now();
    let consumer = stream.create_consumer(config).await?;
    let mut events = 0;
    while events < count {
        // No more than there are: the server would wait for the rest of them until the fetch expires.
        let wanted = batch.min(count - events);
        let mut messages = consumer.batch().max_messages(wanted).expires(Duration::from_secs(5)).messages().await?;
        let before = events;
        while let Some(message) = messages.next().await {
            message?.ack().await?;
            events += 1;
        }
        if events == before {
            return Err(format!("only {events} of {count} messages came").into());
        }
    }
    // The acks are with the server, not just in the client's buffer.
    client.flush().await?;
    println!("{events} {:.3}", started.elapsed().as_secs_f64());
    stream.delete_consumer(CONSUMER).await?;
    Ok(())
}

//! What the conformance suite cannot show: a real server forgets nothing when it is asked to.

use std::time::Duration;

use warehouse_sink_core::{MessageId, Timestamp};

use crate::{ConsumerConfig, Effect, Forget, Inbox, PullRequest, Reply, Server, Start, StreamConfig, Verdict};

const NOW: Timestamp = Timestamp::from_micros(1);
const INBOX: Inbox = Inbox { client: 1, number: 1 };

fn server(messages: usize) -> Server {
    let mut server = Server::new(StreamConfig::default(), "S", "C");
    let ack_wait = Duration::from_secs(1);
    server.create_consumer(ConsumerConfig {
        ack_wait,
        max_ack_pending: None,
        max_deliver: None,
        filter: None,
        start: Start::All,
    });
    publish(&mut server, messages);
    server
}

fn publish(server: &mut Server, messages: usize) {
    (0..messages).for_each(|_| _ = publish_at(server, NOW));
}

fn publish_at(server: &mut Server, at: Timestamp) -> MessageId {
    server.publish(at, "s".into(), [0].as_slice().into())
}

/// Pulls all that there is.
fn pull(server: &mut Server, at: Timestamp) -> Vec<Reply> {
    server.pull(at, INBOX, PullRequest { batch: 100, max_bytes: None, expires: Duration::from_secs(60) });
    let mut replies = Vec::new();
    while let Some(effect) = server.poll_effect() {
        if let Effect::Deliver(_, delivered) = effect {
            replies.push(delivered.reply);
        }
    }
    replies
}

fn sequences(replies: &[Reply]) -> Vec<u64> {
    replies.iter().map(|reply| reply.message.stream_sequence).collect()
}

#[test]
fn an_ack_that_was_not_synced_is_forgotten() {
    let mut server = server(2);
    let replies = pull(&mut server, NOW);
    server.sync();
    server.settle(NOW, &replies[0], Verdict::Ack);
    assert_eq!(server.unsettled().count(), 1);
    assert_eq!(server.restart(NOW, Forget::Consumer), []);
    assert_eq!(server.unsettled().count(), 2);
    let later = NOW.saturating_add(Duration::from_secs(2));
    server.tick(later);
    assert_eq!(sequences(&pull(&mut server, later)), [1, 2]);
}

#[test]
fn a_synced_ack_is_kept() {
    let mut server = server(2);
    let replies = pull(&mut server, NOW);
    server.settle(NOW, &replies[0], Verdict::Ack);
    server.sync();
    server.restart(NOW, Forget::Consumer);
    assert_eq!(server.unsettled().count(), 1);
}

#[test]
fn the_sequences_of_a_lost_tail_are_used_again_by_later_messages() {
    let mut server = server(1);
    server.sync();
    publish(&mut server, 2);
    let before = pull(&mut server, NOW);
    let lost = server.restart(NOW, Forget::StreamAndConsumer);
    assert_eq!(lost, [before[1].message, before[2].message]);
    publish_at(&mut server, NOW.saturating_add(Duration::from_millis(1)));
    let after = pull(&mut server, NOW.saturating_add(Duration::from_secs(3)));
    assert_eq!(sequences(&after), [1, 2]);
    assert!(after[1].message.published_at > before[1].message.published_at);
    // The ack of the lost message settles the one that has its sequence now.
    assert_eq!(server.settle(NOW, &before[1], Verdict::Ack), Some(after[1].message));
}

#[test]
fn what_is_delivered_to_nobody_waits() {
    let mut server = server(0);
    assert_eq!(pull(&mut server, NOW), []);
    server.lose_interest(|inbox| inbox == INBOX);
    publish(&mut server, 1);
    assert_eq!(server.poll_effect(), None);
    assert_eq!(server.unsettled().count(), 1);
}

#[test]
fn a_wall_clock_that_is_set_back_gives_earlier_times() {
    let mut server = server(0);
    let first = publish_at(&mut server, NOW);
    server.move_wall_clock(-5_000_000_000);
    let second = publish_at(&mut server, NOW.saturating_add(Duration::from_secs(1)));
    assert_eq!(second.published_at, first.published_at - 4_000_000_000);
    assert_eq!(second.stream_sequence, first.stream_sequence + 1);
    server.move_wall_clock(7_000_000_000);
    let third = publish_at(&mut server, NOW.saturating_add(Duration::from_secs(1)));
    assert_eq!(third.published_at, first.published_at + 3_000_000_000);
    // The order is that of the sequences.
    assert_eq!(sequences(&pull(&mut server, NOW)), [1, 2, 3]);
}

#[test]
fn a_wall_clock_that_is_moved_leaves_running_ack_waits_alone() {
    let mut server = server(1);
    pull(&mut server, NOW);
    server.move_wall_clock(60_000_000_000);
    server.tick(NOW.saturating_add(Duration::from_millis(999)));
    assert_eq!(pull(&mut server, NOW), []);
    server.tick(NOW.saturating_add(Duration::from_millis(1000)));
    assert_eq!(server.consumer().unwrap().redelivered, 1);
}

//! Acks that settle all before them.

use std::time::Duration;

use super::rig::*;
use crate::{Acks, Config};

fn floor() -> Config {
    Config { acks: Acks::Floor { max_waiting: 8 }, max_batch_rows: 2, ..config() }
}

fn rig() -> Rig {
    Rig::new(floor())
}

/// Delivery number `id` of a message that was delivered before in this epoch.
fn again(id: u64, stream_sequence: u64) -> TestDelivery {
    TestDelivery { delivery_count: 2, ..one(id, stream_sequence, "a") }
}

/// A delivery of this epoch.
fn of(epoch: u64, delivery: TestDelivery) -> TestDelivery {
    TestDelivery { epoch, ..delivery }
}

#[test]
fn one_ack_settles_a_batch() {
    let mut rig = rig();
    rig.fetch(range(1, 2, "a"));
    assert_eq!(rig.written(0), ["covered 1", "ack 2"]);
    assert_eq!(rig.machine.stats().waiting_for_floor, 0);
}

#[test]
fn what_is_written_waits_for_what_is_before_it() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a"), one(2, 2, "b"), one(3, 3, "b"), one(4, 4, "c"), one(5, 5, "c")]);
    assert_eq!(rig.written(0), [""; 0], "2 and 3 wait for 1");
    assert_eq!(rig.written(1), [""; 0]);
    assert_eq!(rig.machine.stats().waiting_for_floor, 5);
    rig.pass(FLUSH);
    assert_eq!(rig.written(2), ["covered 1", "covered 2", "covered 3", "covered 4", "ack 5"]);
}

#[test]
fn the_floor_goes_up_to_the_first_that_is_not_written() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a"), one(2, 2, "a"), one(3, 3, "b"), one(4, 4, "a"), one(5, 5, "a")]);
    assert_eq!(rig.written(1), [""; 0]);
    assert_eq!(rig.written(0), ["covered 1", "ack 2"]);
    rig.pass(FLUSH);
    assert_eq!(rig.written(2), ["covered 3", "covered 4", "ack 5"]);
}

#[test]
fn poison_is_acked_with_the_others_and_never_terminated() {
    let mut rig = rig();
    rig.fetch([one(1, 1, DEAD), one(2, 2, DEAD), one(3, 3, "a"), one(4, 4, DEAD), one(5, 5, DEAD)]);
    assert_eq!(rig.written(0), ["covered 1", "ack 2"]);
    let mut rig = Rig::new(Config { dead_letter: false, ..floor() });
    assert_eq!(rig.fetch([one(1, 1, DEAD)]), ["ack 1"]);
    assert_eq!(rig.fetch([one(2, 2, "a"), one(3, 3, DEAD)]), [""; 0]);
    rig.pass(FLUSH);
    assert_eq!(rig.written(0), ["covered 2", "ack 3"]);
}

#[test]
fn a_message_without_rows_waits_as_others_do() {
    let mut rig = rig();
    assert_eq!(rig.fetch([one(1, 1, "a"), many(2, 2, &[])]), [""; 0]);
    rig.pass(FLUSH);
    assert_eq!(rig.written(0), ["covered 1", "ack 2"]);
}

#[test]
fn a_message_that_is_given_back_holds_the_floor_until_it_comes_again() {
    let mut rig = rig();
    rig.fetch(range(1, 4, "a"));
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0", "nak 1 later", "nak 2 later"]);
    assert_eq!(rig.written(1), [""; 0]);
    assert_eq!(rig.fetch([again(5, 1), again(6, 2)]), ["write 2 a [1.0 2.0]"]);
    assert_eq!(rig.written(2), ["covered 5", "covered 6", "covered 3", "ack 4"]);
}

#[test]
fn a_redelivery_takes_the_place_of_the_one_before() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "b"), one(2, 2, "a"), one(3, 3, "a")]);
    assert_eq!(rig.fetch([again(4, 2)]), ["forget 2"], "while it is written");
    rig.written(0);
    assert_eq!(rig.fetch([again(5, 2)]), ["forget 4"], "while it waits for the floor");
    rig.pass(FLUSH);
    assert_eq!(rig.written(1), ["covered 1", "covered 5", "ack 3"]);
}

#[test]
fn what_comes_again_from_below_is_acked_alone() {
    let mut rig = rig();
    rig.fetch(range(1, 3, "a"));
    rig.written(0);
    assert_eq!(rig.fetch([again(4, 1), again(5, 2)]), ["ack 4", "ack 5"], "an ack was lost, or came too late to count");
}

#[test]
fn poison_that_comes_again_from_below_is_acked() {
    let mut rig = rig();
    rig.fetch([one(1, 1, DEAD), one(2, 2, DEAD)]);
    rig.written(0);
    assert_eq!(rig.fetch([TestDelivery { delivery_count: 2, ..one(3, 2, DEAD) }]), ["ack 3"]);
}

#[test]
fn what_comes_again_from_below_and_was_forgotten_is_written_again() {
    let mut rig = Rig::new(Config { max_remembered: 0, ..floor() });
    rig.fetch(range(1, 2, "a"));
    rig.written(0);
    rig.fetch([again(3, 1)]);
    rig.pass(FLUSH);
    assert_eq!(rig.finish(1, PERMANENT), ["discard 1", "nak 3 later"]);
    rig.fetch([again(4, 1)]);
    assert_eq!(rig.fetch([again(5, 1)]), ["forget 4"]);
    rig.pass(FLUSH);
    assert_eq!(rig.written(2), ["ack 5"]);
}

#[test]
fn a_new_epoch_voids_what_was_delivered_before() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "b"), one(2, 2, "a"), one(3, 3, "a")]);
    rig.written(0);
    assert_eq!(rig.begin_epoch(1), ["forget 1", "forget 2", "forget 3"]);
    assert_eq!(rig.machine.stats().waiting_for_floor, 0);
    assert_eq!(rig.fetch([of(1, one(4, 1, "b"))]), [""; 0]);
    assert_eq!(rig.fetch([of(1, one(5, 2, "a")), of(1, one(6, 3, "a"))]), [""; 0], "both are written");
    rig.pass(FLUSH);
    assert_eq!(rig.written(1), ["covered 4", "covered 5", "ack 6"]);
}

#[test]
fn what_is_written_before_it_comes_again_in_the_new_epoch_is_acked_then() {
    let mut rig = rig();
    rig.fetch(range(1, 4, "a"));
    assert_eq!(rig.begin_epoch(1), ["forget 1", "forget 2", "forget 3", "forget 4"]);
    assert_eq!(rig.fetch([of(1, one(5, 1, "a"))]), [""; 0]);
    assert_eq!(rig.written(0), ["ack 5"], "the second has no delivery that counts");
    assert_eq!(rig.fetch([of(1, one(6, 2, "a"))]), ["ack 6"]);
    assert_eq!(rig.finish(1, PERMANENT), ["discard 1"], "nor have these one that could be given back");
    assert_eq!(rig.fetch([of(1, one(7, 3, "a")), of(1, one(8, 4, "a"))]), ["write 2 a [3.0 4.0]"]);
    assert_eq!(rig.written(2), ["covered 7", "ack 8"]);
}

#[test]
fn a_delivery_of_another_epoch_is_dropped() {
    let mut rig = rig();
    rig.begin_epoch(2);
    rig.fetch([of(2, one(1, 1, "a"))]);
    assert_eq!(rig.fetch([of(1, one(2, 2, "a")), of(3, one(4, 2, "a"))]), ["forget 2", "forget 4"]);
    assert_eq!(rig.fetch([of(2, one(3, 2, "a"))]), ["write 0 a [1.0 2.0]"]);
    assert_eq!(rig.written(0), ["covered 1", "ack 3"]);
}

/// What shows that deliveries are missing: nothing of the epoch is acked after it.
#[test]
fn a_contradiction_closes_the_epoch() {
    let not_before = again(9, 9);
    let not_new = one(9, 2, "a");
    let never_delivered = again(9, 3);
    let another = TestDelivery { message: message(2, 77), ..again(9, 2) };
    for contradiction in [not_before, not_new, never_delivered, another] {
        let mut rig = rig();
        rig.fetch([one(1, 1, "a"), one(2, 2, "a"), one(4, 4, "b")]);
        assert_eq!(rig.fetch([contradiction]), ["forget 9"]);
        assert_eq!(rig.fetch([one(10, 10, "a")]), ["forget 10"]);
        assert_eq!(rig.written(0), ["covered 1", "ack 2"], "what was in order before is");
        assert_eq!(rig.begin_epoch(1), ["forget 4"]);
        assert_eq!(rig.fetch([of(1, one(11, 4, "b"))]), [""; 0]);
        rig.pass(FLUSH);
        assert_eq!(rig.written(1), ["ack 11"]);
    }
}

#[test]
fn without_a_floor_an_epoch_changes_nothing() {
    let mut rig = Rig::new(Config { max_batch_rows: 2, ..config() });
    rig.fetch([one(1, 1, "a")]);
    assert_eq!(rig.begin_epoch(1), [""; 0]);
    assert_eq!(rig.fetch([one(2, 2, "a")]), ["write 0 a [1.0 2.0]"]);
    assert_eq!(rig.written(0), ["ack 1", "ack 2"]);
}

#[test]
fn sequences_may_have_gaps() {
    let mut rig = rig();
    rig.fetch([one(1, 10, "a"), one(2, 20, "a")]);
    assert_eq!(rig.written(0), ["covered 1", "ack 2"]);
}

#[test]
fn all_that_wait_are_kept_alive() {
    let mut rig = Rig::new(Config { ack_wait: Duration::from_secs(40), ..floor() });
    rig.fetch([one(1, 1, "b"), one(2, 2, "a"), one(3, 3, "a")]);
    rig.written(0);
    assert_eq!(rig.pass(Duration::from_secs(10)), ["progress 1", "progress 2", "progress 3"]);
    rig.fetch([again(4, 2)]);
    assert_eq!(rig.pass(Duration::from_secs(10)), ["progress 1", "progress 4", "progress 3"]);
    rig.begin_epoch(1);
    rig.fetch([of(1, one(5, 1, "b"))]);
    assert_eq!(rig.pass(Duration::from_secs(10)), ["progress 5"], "the others are void");
}

#[test]
fn what_waits_for_nothing_is_not_kept_alive() {
    let mut rig = Rig::new(Config { ack_wait: Duration::from_secs(40), ..floor() });
    rig.fetch(range(1, 2, "a"));
    rig.written(0);
    assert_eq!(rig.next_timeout(), None);
    rig.jump(Duration::from_secs(100));
    rig.fetch([one(3, 3, "b")]);
    assert_eq!(rig.next_timeout(), Some(Duration::from_secs(10)), "counts from the delivery");
}

#[test]
fn what_comes_from_below_is_kept_alive_too() {
    let mut rig = Rig::new(Config { ack_wait: Duration::from_secs(40), max_remembered: 0, ..floor() });
    rig.fetch(range(1, 2, "a"));
    rig.written(0);
    rig.fetch([again(3, 1)]);
    assert_eq!(rig.pass(Duration::from_secs(10)), ["progress 3"]);
}

/// A message that was given back has to find room when it comes again, or the floor would never go up.
#[test]
fn what_waits_for_the_floor_takes_no_capacity() {
    let mut rig = Rig::new(Config { max_batch_rows: 3, max_messages: 6, ..floor() });
    rig.fetch([one(1, 1, "b"), one(2, 2, "a"), one(3, 3, "a"), one(4, 4, "a")]);
    assert_eq!(rig.machine.capacity().messages, 2);
    rig.written(0);
    assert_eq!(rig.machine.capacity().messages, 5);
}

#[test]
fn a_row_lets_half_of_those_pass_that_may_wait() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "b"), one(2, 2, "a"), one(3, 3, "a"), one(4, 4, "c")]);
    assert_eq!(rig.fetch([one(5, 5, "d")]), ["write 1 b [1.0]"]);
    assert_eq!(rig.fetch([one(6, 6, "a"), one(7, 7, "a")]), ["write 2 a [6.0 7.0]"]);
    assert_eq!(rig.fetch([one(8, 8, "e")]), ["write 3 c [4.0]"], "the next oldest");
}

#[test]
fn a_shutdown_lets_go_of_what_can_not_be_acked() {
    let mut rig = rig();
    rig.fetch(range(1, 4, "a"));
    rig.shut_down(Duration::from_secs(30));
    rig.written(1);
    assert_eq!(rig.finish(0, PERMANENT), ["discard 0", "nak 1 now", "nak 2 now", "forget 3", "forget 4"]);
    assert!(rig.machine.is_drained());
    assert_eq!(rig.fetch([again(5, 3)]), ["nak 5 now"], "an ack of it would settle 1 and 2");
    assert_eq!(rig.fetch([one(6, 5, "a")]), ["nak 6 now"]);
}

#[test]
fn a_shutdown_acks_what_can_be_acked() {
    let mut rig = rig();
    rig.fetch(range(1, 3, "a"));
    rig.shut_down(Duration::from_secs(30));
    assert_eq!(rig.fetch([one(4, 4, "a")]), ["nak 4 now"]);
    rig.written(1);
    assert_eq!(rig.written(0), ["covered 1", "covered 2", "ack 3"]);
    assert!(rig.machine.is_drained());
}

#[test]
fn the_deadline_gives_back_what_is_not_written() {
    let mut rig = rig();
    rig.fetch(range(1, 6, "a"));
    rig.written(1);
    rig.shut_down(Duration::from_secs(30));
    let last = rig.pass(Duration::from_secs(30));
    let end = ["discard 0", "discard 2", "nak 1 now", "nak 2 now", "nak 5 now", "nak 6 now", "forget 3", "forget 4"];
    assert_eq!(last, end);
    assert_eq!(rig.machine.stats().abandoned_messages, 4);
}

#[test]
fn a_contested_message_holds_the_floor_until_it_comes_again() {
    let mut rig = rig();
    rig.fetch([one(1, 1, "a")]);
    let other = TestDelivery { message: message(1, 77), ..one(2, 1, "b") };
    rig.begin_epoch(1);
    rig.fetch([of(1, other.clone()), of(1, one(3, 2, "b"))]);
    assert_eq!(rig.written(0), ["forget 2"], "the server may have the first message again");
    rig.pass(FLUSH);
    assert_eq!(rig.written(1), [""; 0]);
    let again = TestDelivery { id: crate::DeliveryId(4), delivery_count: 2, ..other };
    assert_eq!(rig.fetch([of(1, again)]), ["covered 4", "ack 3"]);
}

/// A late ack of another process raised the floor: the new epoch begins above what this one still writes.
#[test]
fn a_place_of_an_earlier_epoch_is_nobodys_in_the_next() {
    let mut rig = rig();
    rig.fetch(range(1, 4, "a"));
    rig.begin_epoch(1);
    rig.fetch([of(1, one(5, 3, "a"))]);
    assert_eq!(rig.written(0), [""; 0], "3 is not written");
    assert_eq!(rig.written(1), ["ack 5"]);
}

#[test]
fn what_waits_is_kept_alive_also_where_nothing_is_held() {
    let mut rig = Rig::new(Config { ack_wait: Duration::from_secs(40), ..floor() });
    rig.fetch(range(1, 4, "a"));
    rig.finish(0, PERMANENT);
    rig.written(1);
    assert_eq!(rig.machine.stats().messages, 0);
    assert_eq!(rig.pass(Duration::from_secs(10)), ["progress 3", "progress 4"]);
}

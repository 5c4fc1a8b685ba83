//! Which settings of an existing consumer are refused or warned of. Each text says what it would do and what to change.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Config, DeliverPolicy, PriorityPolicy, ReplayPolicy};
use warehouse_sink_core::Config as MachineConfig;

use super::NatsConfig;
use super::subjects::{beyond, patterns};
use super::survey::{Survey, consumer_filters, list};

/// A consumer that lets a pull request have no more bytes than this can't have been meant for messages of any size.
const LEAST_PULL_BYTES: i64 = 64 * 1024;

/// What is wrong with a consumer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Review {
    /// Would lose or duplicate data.
    pub refusals: Vec<String>,
    /// May do harm, and can be lived with.
    pub warnings: Vec<String>,
}

/// The ack wait that the server applies to a first delivery, or the shortest of later ones.
pub(super) fn effective_ack_wait(consumer: &Config) -> Duration {
    consumer.backoff.iter().min().copied().unwrap_or(consumer.ack_wait)
}

/// Reviews a consumer. `served` is the ack wait that this process already paces its progress acks by, once it runs.
pub(super) fn review(consumer: &Config, wanted: &NatsConfig, survey: &Survey, served: Option<Duration>) -> Review {
    let mut review = Review::default();
    review.refuse_wrong_kind(consumer);
    review.refuse_loss(consumer, wanted);
    review.refuse_other_subjects(consumer, wanted, survey);
    review.refuse_short_ack_wait(consumer, served);
    review.warn(consumer, wanted);
    review.judge_pull_bytes(consumer, wanted, survey);
    review
}

impl Review {
    fn refuse(&mut self, reason: impl Into<String>) {
        self.refusals.push(reason.into());
    }

    fn refuse_wrong_kind(&mut self, consumer: &Config) {
        if consumer.deliver_subject.is_some() {
            self.refuse("it is a push consumer; the sink needs a pull consumer: choose another nats.consumer, or delete this one");
        }
        if consumer.ack_policy != AckPolicy::Explicit {
            self.refuse(format!(
                "its ack policy is {:?}, which settles messages that are not written; it must be explicit, and the policy of a \
                 consumer can't be changed: choose another nats.consumer, or delete this one",
                consumer.ack_policy
            ));
        }
        if consumer.priority_policy != PriorityPolicy::None || !consumer.priority_groups.is_empty() {
            self.refuse(
                "it has priority groups, and the server refuses every pull request that names none: choose another \
                 nats.consumer, or delete this one",
            );
        }
    }

    fn refuse_loss(&mut self, consumer: &Config, wanted: &NatsConfig) {
        if consumer.max_deliver > 0 {
            self.refuse(format!(
                "its max deliver is {}: a message that can't be written that often is never delivered again, and lost; \
                 set it to unlimited: nats consumer edit {} {} --max-deliver=-1",
                consumer.max_deliver, wanted.stream, wanted.consumer
            ));
        }
        if consumer.headers_only {
            self.refuse("it delivers headers only, so the events' bodies would be lost; set headers_only to false");
        }
    }

    /// Compares filters by what they take of the stream, not by their text.
    fn refuse_other_subjects(&mut self, consumer: &Config, wanted: &NatsConfig, survey: &Survey) {
        let has = consumer_filters(consumer);
        let (has, wants) = (patterns(&has), patterns(&wanted.filter_subjects));
        let skipped = beyond(&wants, &has, &survey.subjects);
        let both = |has, wants| format!("its filter is {} and nats.filter_subjects says {}", list(has), list(wants));
        if !skipped.is_empty() {
            self.refuse(format!(
                "{}: events would be skipped ({}); make them the same",
                both(has.clone(), wants.clone()),
                list(skipped.iter().map(String::as_str))
            ));
        }
        let more = beyond(&has, &wants, &survey.subjects);
        if !more.is_empty() {
            self.refuse(format!(
                "{}: other messages would come as well ({}), and be written or stored as dead letters; make them the same",
                both(has, wants),
                list(more.iter().map(String::as_str))
            ));
        }
    }

    /// A message that is larger than what one pull request may have can never be delivered, and stops all behind it.
    fn judge_pull_bytes(&mut self, consumer: &Config, wanted: &NatsConfig, survey: &Survey) {
        let most = consumer.max_bytes;
        if most <= 0 || u64::try_from(most).is_ok_and(|most| most >= survey.largest_message) {
            return;
        }
        let text = format!(
            "its max request bytes are {most}, less than the {} that a message of this stream may have: such a message could \
             never be delivered, and would stop all behind it; lift the limit: nats consumer edit {} {} --max-pull-bytes=0",
            survey.largest_message, wanted.stream, wanted.consumer
        );
        if most < LEAST_PULL_BYTES { self.refuse(text) } else { self.warnings.push(text) }
    }

    fn refuse_short_ack_wait(&mut self, consumer: &Config, served: Option<Duration>) {
        let ack_wait = effective_ack_wait(consumer);
        let name = if consumer.backoff.is_empty() { "ack wait" } else { "shortest backoff" };
        if ack_wait < MachineConfig::MIN_ACK_WAIT {
            self.refuse(format!(
                "its {name} is {ack_wait:?}, too short for progress acks to keep a message alive: it would be delivered again and \
                 again; set it to {:?} or more",
                MachineConfig::MIN_ACK_WAIT
            ));
        } else if let Some(served) = served.filter(|served| ack_wait < *served) {
            self.refuse(format!(
                "its {name} was shortened from {served:?} to {ack_wait:?} while the sink runs, which paces its progress acks by the \
                 longer one; restart the sink"
            ));
        }
    }

    fn warn(&mut self, consumer: &Config, wanted: &NatsConfig) {
        if consumer.max_ack_pending > 0 && (consumer.max_ack_pending as u64) < wanted.max_messages {
            self.warnings.push(format!(
                "its max ack pending is {}, less than the {} messages that one process may hold: batches are closed \
                 before they are full, in small files; set it to {} or more",
                consumer.max_ack_pending, wanted.max_messages, wanted.max_ack_pending
            ));
        }
        if !matches!(consumer.deliver_policy, DeliverPolicy::All | DeliverPolicy::ByStartSequence { .. }) {
            self.warnings.push(format!(
                "its deliver policy is {:?}: older messages were never delivered",
                consumer.deliver_policy
            ));
        }
        if consumer.replay_policy != ReplayPolicy::Instant {
            self.warnings
                .push("its replay policy is original: a backlog is delivered as slowly as it was published".to_owned());
        }
        if !consumer.inactive_threshold.is_zero() {
            self.warnings.push(format!(
                "the server deletes it after {:?} without a reader, and a new one delivers the stream again from its start",
                consumer.inactive_threshold
            ));
        }
        if consumer.memory_storage {
            self.warnings
                .push("its state is kept in memory: a restart of the server delivers everything again".to_owned());
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn wanted() -> NatsConfig {
        NatsConfig {
            urls: vec![],
            login: Default::default(),
            tls: Default::default(),
            api: Default::default(),
            stream: "EVENTS".to_owned(),
            consumer: "sink".to_owned(),
            filter_subjects: vec!["events.>".to_owned()],
            ack_wait: Duration::from_secs(300),
            max_ack_pending: 400_000,
            max_messages: 100_000,
            mark: None,
        }
    }

    fn survey() -> Survey {
        let subjects = ["events.>", "other.>"].map(str::to_owned).into();
        Survey { subjects, largest_message: 1 << 20 }
    }

    fn reviewed(consumer: &Config, served: Option<Duration>) -> Review {
        review(consumer, &wanted(), &survey(), served)
    }

    fn fit() -> Config {
        Config {
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(30),
            max_deliver: -1,
            max_ack_pending: 400_000,
            filter_subject: "events.>".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn a_fit_consumer_passes_wherever_its_filter_stands() {
        assert_eq!(reviewed(&fit(), None), Review::default());
        let many = Config { filter_subject: String::new(), filter_subjects: vec!["events.>".to_owned()], ..fit() };
        assert_eq!(reviewed(&many, Some(Duration::from_secs(30))), Review::default());
    }

    #[test]
    fn what_would_lose_or_duplicate_data_is_refused_in_words() {
        let seconds = Duration::from_secs;
        let groups = vec!["sink".to_owned()];
        let cases = [
            ("--max-deliver=-1", Config { max_deliver: 5, ..fit() }),
            ("max deliver is 1:", Config { max_deliver: 1, ..fit() }),
            ("priority groups", Config { priority_policy: PriorityPolicy::Overflow, priority_groups: groups, ..fit() }),
            ("max request bytes are 50,", Config { max_bytes: 50, ..fit() }),
            ("must be explicit", Config { ack_policy: AckPolicy::None, ..fit() }),
            ("ack policy is All", Config { ack_policy: AckPolicy::All, ..fit() }),
            ("push consumer", Config { deliver_subject: Some("here".to_owned()), ..fit() }),
            ("headers only", Config { headers_only: true, ..fit() }),
            ("ack wait is 500ms", Config { ack_wait: Duration::from_millis(500), ..fit() }),
            ("shortest backoff is 100ms", Config { backoff: vec![Duration::from_millis(100), seconds(60)], ..fit() }),
        ];
        for (text, consumer) in cases {
            let refusals = reviewed(&consumer, None).refusals;
            assert!(refusals.len() == 1 && refusals[0].contains(text), "{text}: {refusals:?}");
        }
    }

    #[test]
    fn an_ack_wait_that_is_shortened_while_the_sink_runs_is_refused() {
        let refusals = reviewed(&fit(), Some(Duration::from_secs(60))).refusals;
        assert!(refusals.len() == 1 && refusals[0].contains("restart the sink"), "{refusals:?}");
    }

    #[test]
    fn what_can_be_lived_with_is_warned_of() {
        let cases = [
            ("--max-pull-bytes=0", Config { max_bytes: 1 << 19, ..fit() }),
            ("original", Config { replay_policy: ReplayPolicy::Original, ..fit() }),
            ("set it to 400000 or more", Config { max_ack_pending: 1000, ..fit() }),
            ("older messages", Config { deliver_policy: DeliverPolicy::New, ..fit() }),
            ("deletes it after 60s", Config { inactive_threshold: Duration::from_secs(60), ..fit() }),
            ("in memory", Config { memory_storage: true, ..fit() }),
        ];
        for (text, consumer) in cases {
            let found = reviewed(&consumer, None);
            assert!(found.refusals.is_empty());
            assert!(found.warnings.len() == 1 && found.warnings[0].contains(text), "{text}: {found:?}");
        }
    }

    /// What is said of a consumer with these filters, where these are wanted.
    fn of_filters(has: &[&str], wants: &[&str], subjects: &[&str]) -> Vec<String> {
        let owned = |subjects: &[&str]| subjects.iter().map(|&subject| subject.to_owned()).collect::<Vec<_>>();
        let consumer = Config { filter_subject: String::new(), filter_subjects: owned(has), ..fit() };
        let wanted = NatsConfig { filter_subjects: owned(wants), ..wanted() };
        let survey = Survey { subjects: owned(subjects).into_iter().collect(), ..survey() };
        review(&consumer, &wanted, &survey, None).refusals
    }

    #[test]
    fn filters_that_take_the_same_of_the_stream_are_the_same() {
        let stream = ["events.>"];
        let cases: [(&[&str], &[&str]); 6] = [
            (&[], &["events.>"]),
            (&["events.>"], &[]),
            (&[">"], &[]),
            (&[], &[">"]),
            (&["events.*", "events.*.>"], &["events.>"]),
            (&["events.a.>"], &["events.a.>", "elsewhere"]),
        ];
        for (has, wants) in cases {
            assert_eq!(of_filters(has, wants, &stream), Vec::<String>::new(), "{has:?} and {wants:?}");
        }
    }

    #[test]
    fn filters_that_take_less_or_more_of_the_stream_are_refused_with_what_they_differ_in() {
        let stream = ["events.>", "other.>"];
        let cases: [(&[&str], &[&str], &[&str]); 7] = [
            (&["events.a.>"], &["events.>"], &["would be skipped (`events.>`)"]),
            (&["events.a.>", "events.b.>"], &["events.>"], &["would be skipped (`events.>`)"]),
            (&["events.>"], &["events.>", "other.>"], &["would be skipped (`other.>`)"]),
            (&["events.>"], &[], &["would be skipped (`other.>`)"]),
            (&[], &["events.>"], &["would come as well (`other.>`)"]),
            (&["events.>", "other.>"], &["events.>"], &["would come as well (`other.>`)"]),
            (&["other.>"], &["events.>"], &["skipped (`events.>`)", "come as well (`other.>`)"]),
        ];
        for (has, wants, words) in cases {
            let refusals = of_filters(has, wants, &stream);
            assert_eq!(refusals.len(), words.len(), "{has:?} and {wants:?}: {refusals:?}");
            for (refusal, word) in refusals.iter().zip(words) {
                assert!(refusal.contains(word), "{word}: {refusal}");
            }
        }
    }
}

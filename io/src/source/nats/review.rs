//! Which settings of an existing consumer are refused or warned of. Each text says what it would do and what to change.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Config, DeliverPolicy};
use warehouse_sink_core::Config as MachineConfig;

use super::NatsConfig;

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
pub(super) fn review(consumer: &Config, wanted: &NatsConfig, served: Option<Duration>) -> Review {
    let mut review = Review::default();
    review.refuse_wrong_kind(consumer);
    review.refuse_loss(consumer, wanted);
    review.refuse_short_ack_wait(consumer, served);
    review.warn(consumer, wanted);
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
        let (has, wants) = (filters(consumer), wanted.filter_subjects.iter().map(String::as_str).collect());
        if has != wants {
            self.refuse(format!(
                "its filter subjects are {} and nats.filter_subjects says {}: events would be skipped; make them the same",
                list(&has),
                list(&wants)
            ));
        }
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
                "its max ack pending is {}, less than the {} messages that one process may hold: batches may fill too slowly and \
                 be flushed by age, in small files; set it to {} or more",
                consumer.max_ack_pending, wanted.max_messages, wanted.max_ack_pending
            ));
        }
        if !matches!(consumer.deliver_policy, DeliverPolicy::All | DeliverPolicy::ByStartSequence { .. }) {
            self.warnings.push(format!(
                "its deliver policy is {:?}: older messages were never delivered",
                consumer.deliver_policy
            ));
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

/// The filter subjects, wherever the consumer has them. The empty filter and none are the same: everything.
fn filters(consumer: &Config) -> BTreeSet<&str> {
    let one = std::iter::once(consumer.filter_subject.as_str());
    let many = consumer.filter_subjects.iter().map(String::as_str);
    one.chain(many).filter(|filter| !filter.is_empty()).collect()
}

fn list(filters: &BTreeSet<&str>) -> String {
    if filters.is_empty() { "all of the stream's".to_owned() } else { format!("{filters:?}") }
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
        }
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
        assert_eq!(review(&fit(), &wanted(), None), Review::default());
        let many = Config { filter_subject: String::new(), filter_subjects: vec!["events.>".to_owned()], ..fit() };
        assert_eq!(review(&many, &wanted(), Some(Duration::from_secs(30))), Review::default());
    }

    #[test]
    fn what_would_lose_or_duplicate_data_is_refused_in_words() {
        let seconds = Duration::from_secs;
        let cases: [(&str, Config); 8] = [
            ("--max-deliver=-1", Config { max_deliver: 5, ..fit() }),
            ("must be explicit", Config { ack_policy: AckPolicy::None, ..fit() }),
            ("ack policy is All", Config { ack_policy: AckPolicy::All, ..fit() }),
            ("push consumer", Config { deliver_subject: Some("here".to_owned()), ..fit() }),
            ("headers only", Config { headers_only: true, ..fit() }),
            ("filter subjects are {\"other.>\"}", Config { filter_subject: "other.>".to_owned(), ..fit() }),
            ("ack wait is 500ms", Config { ack_wait: Duration::from_millis(500), ..fit() }),
            ("shortest backoff is 100ms", Config { backoff: vec![Duration::from_millis(100), seconds(60)], ..fit() }),
        ];
        for (text, consumer) in cases {
            let refusals = review(&consumer, &wanted(), None).refusals;
            assert!(refusals.len() == 1 && refusals[0].contains(text), "{text}: {refusals:?}");
        }
    }

    #[test]
    fn an_ack_wait_that_is_shortened_while_the_sink_runs_is_refused() {
        let refusals = review(&fit(), &wanted(), Some(Duration::from_secs(60))).refusals;
        assert!(refusals.len() == 1 && refusals[0].contains("restart the sink"), "{refusals:?}");
    }

    #[test]
    fn what_can_be_lived_with_is_warned_of() {
        let cases: [(&str, Config); 4] = [
            ("set it to 400000 or more", Config { max_ack_pending: 1000, ..fit() }),
            ("older messages", Config { deliver_policy: DeliverPolicy::New, ..fit() }),
            ("deletes it after 60s", Config { inactive_threshold: Duration::from_secs(60), ..fit() }),
            ("in memory", Config { memory_storage: true, ..fit() }),
        ];
        for (text, consumer) in cases {
            let found = review(&consumer, &wanted(), None);
            assert!(found.refusals.is_empty());
            assert!(found.warnings.len() == 1 && found.warnings[0].contains(text), "{text}: {found:?}");
        }
    }
}

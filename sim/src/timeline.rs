//! A history as a person reads it: who did what, a line each. `#17` is the message with stream sequence 17; `#17'` is another one that
//! was given the same sequence later.

use std::collections::BTreeMap;

use warehouse_sink_core::{Destination, MessageId, Outcome};
use warehouse_sink_jetstream_model::{Reply, Verdict};

use crate::event::{StoredRow, destination_of_key};
use crate::fault::Crossing;
use crate::history::{Entry, Happening, ProcessId};

/// The history as text.
pub fn timeline(entries: &[Entry]) -> String {
    let mut names = Names::default();
    let mut text = String::new();
    for (at, happening) in entries {
        let micros = at.as_micros();
        let (who, what) = names.tell(happening);
        text.push_str(&format!("{:>5}.{:06}  {who:<9} {what}\n", micros / 1_000_000, micros % 1_000_000));
    }
    text
}

/// What the messages of a history are called.
#[derive(Default)]
struct Names {
    /// The times of publishing that each sequence has had, in order.
    times: BTreeMap<u64, Vec<i64>>,
}

impl Names {
    fn message(&self, message: MessageId) -> String {
        let times = self.times.get(&message.stream_sequence);
        let place = times.and_then(|times| times.iter().position(|time| *time == message.published_at));
        format!("#{}{}", message.stream_sequence, "'".repeat(place.unwrap_or(0)))
    }

    fn delivery(&self, reply: &Reply) -> String {
        format!("delivery {} of {}", reply.delivery_count, self.message(reply.message))
    }

    fn rows(&self, rows: &[StoredRow]) -> String {
        let rows: Vec<String> = rows.iter().map(|row| format!("{}.{}", self.message(row.message), row.index)).collect();
        rows.join(" ")
    }

    /// Who did it, and what it was.
    fn tell(&mut self, happening: &Happening) -> (String, String) {
        match happening {
            Happening::Published { message, event } => {
                self.times.entry(message.stream_sequence).or_default().push(message.published_at);
                let rows: Vec<String> = event.rows.iter().map(|row| place(&row.destination)).collect();
                server(format!("{} is published: {}", self.message(*message), rows.join(", ")))
            }
            Happening::Dropped { message } => server(format!("{} is dropped or deleted", self.message(*message))),
            Happening::LostByServer { message } => server(format!("{} is lost", self.message(*message))),
            Happening::AckWaitOver { message } => {
                server(format!("the ack wait, or the nak's delay, of {} is over", self.message(*message)))
            }
            Happening::ServerDown => server("dies".to_owned()),
            Happening::ServerUp { forget } => server(format!("is back; forgot: {forget:?}")),
            Happening::Looked { process } => {
                of(process, "hears which consumer and which messages there are".to_owned())
            }
            Happening::StreamRecreated => server("the stream is deleted and created again".to_owned()),
            Happening::ConsumerEdited { ack_wait, loses } => {
                let loses = if *loses { ", and loses messages" } else { "" };
                server(format!("the consumer is edited: its ack wait is {ack_wait:?}{loses}"))
            }
            Happening::NotDelivered { message } => server(format!("{} is not delivered", self.message(*message))),
            Happening::ConsumerDeleted => server("the consumer is deleted".to_owned()),
            Happening::Received { process, reply, verdict, settled } => {
                server(self.received(*process, reply, *verdict, *settled))
            }
            Happening::Durable { key, rows, put } => {
                store(format!("put {put} is durable in {}: {}", partition(key), self.rows(rows)))
            }
            Happening::Torn { put, .. } => store(format!("put {put} is torn; no reader sees it")),
            Happening::Inflicted { fault } => ("fault".to_owned(), (*fault).to_owned()),
            Happening::Healed => ("world".to_owned(), "nothing fails any more".to_owned()),
            Happening::AtRest => ("world".to_owned(), "everything is settled".to_owned()),
            Happening::Kept { process, what, value } => {
                of(process, format!("has nothing to do, and keeps {value} {what}"))
            }
            Happening::Stuck { unsettled } => ("world".to_owned(), format!("{unsettled} messages are never settled")),
            _ => self.tell_of_process(happening),
        }
    }

    fn tell_of_process(&self, happening: &Happening) -> (String, String) {
        match happening {
            Happening::Started { process, .. } => of(process, "starts"),
            Happening::StopAsked { process } => of(process, "is told to stop"),
            Happening::Ended { process, abandoned, unsent } => {
                of(process, format!("has stopped; gave {abandoned} back at its deadline, could not send {unsent}"))
            }
            Happening::Killed { process } => of(process, "is killed"),
            Happening::Paused { process } => of(process, "is frozen"),
            Happening::Resumed { process } => of(process, "is woken"),
            Happening::LinkDown { process } => of(process, "lost its connection"),
            Happening::LinkUp { process } => of(process, "is connected"),
            Happening::LinkStalled { process, until } => {
                of(process, format!("its connection stands still until {:.3} s", until.as_micros() as f64 / 1e6))
            }
            Happening::Crossed { process, crossing, .. } => of(
                process,
                match crossing {
                    Crossing::Lost => "something on its way from or to it is lost".to_owned(),
                    Crossing::Doubled => "something on its way from or to it is doubled".to_owned(),
                    Crossing::Delayed(delay) => format!("its connection is held up for {delay:?}"),
                },
            ),
            Happening::ConsumerCreated { process } => of(process, "creates the consumer"),
            Happening::Handed { process, reply, .. } => of(process, format!("gets {}", self.delivery(reply))),
            Happening::Settling { process, reply, verdict } => {
                of(process, format!("sends {} for {}", word(*verdict), self.delivery(reply)))
            }
            Happening::PutBegun { process, put, key, rows } => {
                of(process, format!("begins put {put} in {}: {}", partition(key), self.rows(rows)))
            }
            Happening::PartSent { process, put, rows } => {
                of(process, format!("has sent a part of put {put}: {}", self.rows(rows)))
            }
            Happening::Completing { process, put } => of(process, format!("completes put {put}")),
            Happening::PutEnded { process, put, outcome } => of(
                process,
                match outcome {
                    Some(Outcome::Written) => format!("put {put} is written"),
                    Some(Outcome::Failed(failure)) => format!("put {put} failed: {failure:?}"),
                    Some(Outcome::Unknown) => format!("put {put} has an unknown outcome"),
                    None => format!("put {put} is given up without an answer"),
                },
            ),
            Happening::Held { process, what, value } => of(process, format!("holds {value} {what}, more than ever")),
            other => ("?".to_owned(), format!("{other:?}")),
        }
    }

    fn received(&self, process: ProcessId, reply: &Reply, verdict: Verdict, settled: Option<MessageId>) -> String {
        let effect = match (verdict, settled) {
            (Verdict::Nak(_) | Verdict::Progress, _) => String::new(),
            (_, None) => ", which settles nothing".to_owned(),
            (_, Some(settled)) if settled == reply.message => ", which settles it".to_owned(),
            (_, Some(settled)) => format!(", which settles {}", self.message(settled)),
        };
        format!("gets {} of {} for {}{effect}", word(verdict), name(process), self.delivery(reply))
    }
}

fn server(what: String) -> (String, String) {
    ("server".to_owned(), what)
}

fn store(what: String) -> (String, String) {
    ("store".to_owned(), what)
}

fn of(process: &ProcessId, what: impl Into<String>) -> (String, String) {
    (name(*process), what.into())
}

fn name(process: ProcessId) -> String {
    format!("process {}", process.0)
}

fn word(verdict: Verdict) -> String {
    match verdict {
        Verdict::Ack => "an ack".to_owned(),
        Verdict::Nak(delay) => format!("a nak ({delay:?})"),
        Verdict::Term => "a term".to_owned(),
        Verdict::Progress => "a progress".to_owned(),
    }
}

fn partition(key: &str) -> String {
    destination_of_key(key).map_or_else(|| key.to_owned(), |destination| place(&destination))
}

fn place(destination: &Destination<u8>) -> String {
    match destination {
        Destination::Partition(partition) => format!("partition {partition}"),
        Destination::DeadLetter => "the dead letters".to_owned(),
    }
}

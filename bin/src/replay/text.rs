//! The report for a person.

use warehouse_sink_io::replay::{Message, Outcome, Progress, Reason, Report};

use crate::exit::say;

/// Reasons and messages that are written out; JSON has them all.
const SHOWN: usize = 20;

/// One line that says how far the replay is.
pub(super) fn progress(so_far: Progress) -> String {
    match so_far {
        Progress::Listing { files } => format!("{files} files of dead letters found"),
        Progress::Choosing { files, of } => format!("{files} of {of} files of dead letters looked through"),
        Progress::Searching { messages, of } => {
            format!("looking for earlier replays: {messages} of {of} messages of the stream")
        }
        Progress::Replaying { letters, of } => format!("{letters} of {of} dead letters"),
    }
}

/// Writes the report to standard output.
pub(super) fn write(report: &Report) {
    let replayed = if report.dry_run { "to replay" } else { "replayed" };
    for Reason { reason, dead_letters, replayed: count, replayed_before, refused, failed } in
        report.reasons.iter().take(SHOWN)
    {
        say(format_args!(
            "{dead_letters} dead letters, {count} {replayed}, {replayed_before} replayed before, {refused} still refused, \
             {failed} failed: {reason}"
        ));
    }
    if report.reasons.len() > SHOWN {
        say(format_args!("and {} more reasons (--output json has them all)", report.reasons.len() - SHOWN));
    }
    let notable: Vec<&Message> = report.messages.iter().filter(|message| notable(&message.outcome).is_some()).collect();
    for message in notable.iter().take(SHOWN) {
        let Message { sequence, subject, outcome, .. } = message;
        say(format_args!("sequence {sequence} on {subject}: {}", notable_text(outcome)));
    }
    if notable.len() > SHOWN {
        say(format_args!("and {} more (--output json has them all)", notable.len() - SHOWN));
    }
    for fault in &report.unreadable {
        say(format_args!("UNREADABLE: {}: {}", fault.key, fault.reason));
    }
    if report.other_streams > 0 {
        say(format_args!("of other streams, left alone: {} files", report.other_streams));
    }
    if report.repeated > 0 {
        say(format_args!("stored more than once, replayed once: {} dead letters", report.repeated));
    }
    say(format_args!(
        "total: {} dead letters in {} files, {} of them wanted: {} {replayed}, {} replayed before, {} still refused, {} failed",
        report.dead_letters,
        report.files,
        report.wanted,
        report.replayed,
        report.replayed_before,
        report.refused,
        report.failed,
    ));
    if let Some(error) = &report.error {
        say(format_args!("STOPPED EARLY: {error}. Run it again: what was replayed is not replayed twice"));
    }
    if report.dry_run {
        say("a dry run: nothing was published");
    }
}

/// What a person wants to know of a single message.
fn notable(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Refused { because } | Outcome::Failed { because } => Some(because),
        _ => None,
    }
}

fn notable_text(outcome: &Outcome) -> String {
    let because = notable(outcome).unwrap_or_default();
    match outcome {
        Outcome::Failed { .. } => format!("FAILED: {because}"),
        _ => format!("still refused: {because}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_replay_says_how_far_it_is() {
        let said = [
            Progress::Listing { files: 1 },
            Progress::Choosing { files: 1, of: 2 },
            Progress::Searching { messages: 3, of: 4 },
            Progress::Replaying { letters: 5, of: 6 },
        ];
        let expected = [
            "1 files of dead letters found",
            "1 of 2 files of dead letters looked through",
            "looking for earlier replays: 3 of 4 messages of the stream",
            "5 of 6 dead letters",
        ];
        assert_eq!(said.map(progress), expected);
    }
}

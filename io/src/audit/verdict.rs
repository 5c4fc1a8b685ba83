//! What an audit comes to. It is complete where that is known, and not where nothing wrong was seen.

use super::Options;
use super::ranges::Ranges;
use super::report::{NotJudged, Report, Verdict};

/// Concludes a report: all else in it is there.
pub(super) fn conclude(options: &Options, report: &mut Report) {
    add_notes(options, report);
    if report.judged.is_none() && !nothing_is_owed(report) && options.partition.is_none() {
        let reason = "nothing at all: there is no sequence of which it is known that it must be stored by now";
        report.not_judged.push(NotJudged::that_may_hide_loss(reason, Ranges::new()));
    }
    report.verdict = verdict(options, report);
    report.complete = report.verdict == Verdict::Complete;
}

fn verdict(options: &Options, report: &Report) -> Verdict {
    let is_wrong = report.gaps.sequences > 0
        || report.dropped.sequences > 0
        || report.duplicates.rows > 0
        || !report.unreadable.is_empty();
    let may_hide_loss = report.not_judged.iter().any(|part| part.may_hide_loss);
    let is_short = report.server.is_none() || !report.not_judged.is_empty() || !report.foreign.is_empty();
    match (is_wrong, may_hide_loss || (options.strict && is_short)) {
        (true, _) => Verdict::Incomplete,
        (false, true) => Verdict::Unknown,
        (false, false) => Verdict::Complete,
    }
}

/// Whether the stream never had a message, and no file says that it is another's store.
fn nothing_is_owed(report: &Report) -> bool {
    let has_messages = report.server.as_ref().is_none_or(|server| server.last_sequence > 0);
    !has_messages && report.totals.last_sequence.is_none() && report.other_streams.is_empty()
}

fn add_notes(options: &Options, report: &mut Report) {
    if report.server.is_none() && report.reused.sequences > 0 {
        let reason = "sequences are stored that more than one message had, and the stream was not asked since when it counts as it does: \
                      rows of the older may hide gaps of the newer";
        report.not_judged.push(NotJudged::that_may_hide_loss(reason, Ranges::new()));
    }
    if report.totals.last_sequence.is_none() && !report.other_streams.is_empty() {
        let others = report.other_streams.iter().map(|other| other.stream.as_str()).collect::<Vec<_>>().join(", ");
        report.notes.push(format!(
            "no file is of the stream {} (nats.stream); the files are of {others}: is it the right stream, and the right prefix?",
            report.stream
        ));
    }
    if options.explodes {
        let several = "a message that makes several rows counts as stored once one of its rows is; one without elements makes no row, and \
                       shows as a gap";
        report.notes.push(several.to_owned());
    }
}

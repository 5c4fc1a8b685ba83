//! The report for a person.

use bytesize::ByteSize;
use warehouse_sink_io::audit::{File, Partition, Progress, Ranges, Report, Sequences, Span, Verdict};

use crate::exit::say;

/// Ranges that are written out; JSON has them all.
const SHOWN: usize = 20;

/// One line that says how far the audit is.
pub(super) fn progress(so_far: Progress) -> String {
    match so_far {
        Progress::Listing { files } => format!("{files} files found"),
        Progress::Reading { files, of, rows } => format!("{files} of {of} files read, {rows} rows"),
        Progress::Asking { gaps } => format!("asking the stream about gaps: {gaps}"),
        Progress::Comparing { pieces, of } => format!("comparing rows of the same sequence: {pieces} of {of}"),
    }
}

/// Writes the report to standard output.
pub(super) fn write(report: &Report) {
    report.partitions.iter().for_each(write_partition);
    if !report.dead_letters.is_empty() {
        say("dead letters");
        report.dead_letters.iter().for_each(write_file);
    }
    write_totals(report);
    write_judged(report);
    write_faults(report);
    for note in &report.notes {
        say(format_args!("note: {note}"));
    }
    say(verdict(report));
}

fn write_partition(partition: &Partition) {
    let Partition { partition: name, rows, bytes, first_sequence, last_sequence, files } = partition;
    let name = if name.is_empty() { "(right below the prefix)" } else { name };
    say(format_args!("{name}: {rows} rows, {}, sequences {first_sequence} to {last_sequence}", ByteSize::b(*bytes)));
    files.iter().for_each(write_file);
}

fn write_file(file: &File) {
    let File { key, rows, bytes, first_sequence, last_sequence, .. } = file;
    let name = key.rsplit('/').next().unwrap_or(key);
    say(format_args!("  {name}: {rows} rows, {}, sequences {first_sequence} to {last_sequence}", ByteSize::b(*bytes)));
}

fn write_totals(report: &Report) {
    let totals = &report.totals;
    say(format_args!(
        "total: {} partitions, {} files, {} rows, {}; dead letters: {} files, {} rows, {}",
        totals.partitions,
        totals.files,
        totals.rows,
        ByteSize::b(totals.bytes),
        totals.dead_letter_files,
        totals.dead_letters,
        ByteSize::b(totals.dead_letter_bytes),
    ));
}

fn write_judged(report: &Report) {
    if let Some(server) = &report.server {
        let consumer = server.consumer.as_ref();
        let settled = consumer.map_or_else(
            || "there is no consumer".to_owned(),
            |consumer| format!("{} has settled all up to {}", consumer.name, consumer.ack_floor),
        );
        say(format_args!(
            "stream {}: {} messages, sequences {} to {}; {settled}",
            server.name, server.messages, server.first_sequence, server.last_sequence
        ));
    }
    match report.judged {
        Some(Span { first, last }) => say(format_args!("judged: sequences {first} to {last}")),
        None => say("judged: no gaps"),
    }
    if report.gaps.sequences > 0 {
        let what = if report.gaps_are_in_the_stream {
            "MISSING: not stored, and still in the stream"
        } else {
            "GAPS: not stored, and the stream could not be asked"
        };
        say(format_args!("{what}: {}", sequences(&report.gaps)));
    }
    if report.dropped.sequences > 0 {
        say(format_args!("MISSING: never stored, and no longer in the stream: {}", sequences(&report.dropped)));
    }
    if report.other_subjects > 0 {
        say(format_args!("of other subjects than the consumer's: {} sequences", report.other_subjects));
    }
    for group in &report.duplicates.groups {
        let files = group.files.join("\n  ");
        say(format_args!("DUPLICATES: {} rows too many, {}, in\n  {files}", group.rows, sequences(&group.sequences)));
    }
    if report.reused.sequences > 0 {
        say(format_args!(
            "more than one message had the sequence, which is no duplicate: {}",
            sequences(&report.reused)
        ));
    }
    if report.earlier_rows > 0 {
        say(format_args!("of an earlier stream of this name, not judged: {} rows", report.earlier_rows));
    }
    for other in &report.other_streams {
        say(format_args!("of the stream {}, not judged: {} files, {} rows", other.stream, other.files, other.rows));
    }
    for part in &report.not_judged {
        let which = match part.sequences.sequences {
            0 => String::new(),
            _ => format!(": {}", sequences(&part.sequences)),
        };
        say(format_args!("not judged: {}{which}", part.reason));
    }
}

fn write_faults(report: &Report) {
    for fault in &report.unreadable {
        say(format_args!("UNREADABLE: {}: {}", fault.key, fault.reason));
    }
    for fault in &report.foreign {
        say(format_args!("not written by the sink: {}: {}", fault.key, fault.reason));
    }
}

fn verdict(report: &Report) -> String {
    match report.verdict {
        Verdict::Complete => match report.judged {
            Some(Span { first, last }) => {
                format!("complete: nothing is missing from {first} to {last}, nothing is stored twice")
            }
            None => "complete: the stream never had a message".to_owned(),
        },
        Verdict::Unknown => match report.not_judged.iter().any(|part| part.may_hide_loss) {
            true => "NOT KNOWN: nothing wrong was found, but not enough could be judged to call it complete".to_owned(),
            false => "NOT KNOWN: nothing wrong was found, but not everything could be judged (--strict)".to_owned(),
        },
        Verdict::Incomplete => format!("NOT COMPLETE: {}", faults(report)),
    }
}

fn faults(report: &Report) -> String {
    let counts = [
        (report.gaps.sequences + report.dropped.sequences, "sequences missing"),
        (report.duplicates.rows, "rows stored twice"),
        (report.unreadable.len() as u64, "files unreadable"),
    ];
    let wrong = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    wrong.collect::<Vec<_>>().join(", ")
}

/// How many, and the first of them.
fn sequences(sequences: &Sequences) -> String {
    format!("{} sequences: {}", sequences.sequences, ranges(&sequences.ranges))
}

fn ranges(ranges: &Ranges) -> String {
    let shown = ranges.iter().take(SHOWN).map(|Span { first, last }| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    let more = ranges.runs().saturating_sub(SHOWN);
    if more > 0 {
        text.push_str(&format!(" and {more} more ranges (--output json has them all)"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_ranges_are_cut_short() {
        let some: Ranges = [Span::one(3), Span { first: 5, last: 9 }].into_iter().collect();
        assert_eq!(sequences(&some.into()), "6 sequences: 3, 5 to 9");
        let many: Ranges = (0..25).map(|number| Span::one(number * 2)).collect();
        let text = ranges(&many);
        assert!(text.ends_with("38 and 5 more ranges (--output json has them all)"), "{text}");
    }
}

//! What is known of a message beside its body, and is a column on request.

use super::options::TableOptions;
use crate::protobuf::SchemaError;

/// Something to be noted of each message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The subject that it was published to.
    Subject,
    /// The first value of the header with this name.
    Header(String),
}

/// Notes with the names of their columns.
pub(super) type Notes = Box<[(Box<str>, Note)]>;

/// What the settings ask for.
pub(super) fn of(options: &TableOptions) -> Result<Notes, SchemaError> {
    let mut notes: Vec<(Box<str>, Note)> = Vec::new();
    if options.subject_column {
        notes.push(("nats_subject".into(), Note::Subject));
    }
    for header in &options.header_columns {
        let plain = |letter: char| if letter.is_alphanumeric() { letter } else { '_' };
        let column = format!("nats_header_{}", header.to_lowercase().chars().map(plain).collect::<String>());
        if notes.iter().any(|(taken, _)| **taken == column) {
            return Err(SchemaError::Header { header: header.clone(), column });
        }
        notes.push((column.into(), Note::Header(header.clone())));
    }
    Ok(notes.into())
}

//! Message bodies: the fuzzer's bytes as they are, or what is made of them. The first byte says which.

use std::cell::RefCell;

use crate::support::events::Both;
use crate::support::schemas::Schema;

thread_local! {
    // One for all runs: what a message leaves behind must not show in the next.
    static EVENTS: RefCell<Both> = RefCell::default();
    static SCHEMAS: RefCell<[Schema; 2]> = RefCell::new([Schema::proto3(), Schema::proto2()]);
}

/// Decodes a body of the built-in schema by us and by prost; whether it is an event.
///
/// # Panics
///
/// When the two disagree, or one of them panics.
pub fn events(data: &[u8]) -> bool {
    let Some((choice, rest)) = data.split_first() else { return false };
    EVENTS.with_borrow_mut(|both| match choice % 2 {
        0 => both.agree(rest),
        _ => {
            let body = both.message(rest);
            both.agree(&body)
        }
    })
}

/// Writes a body of a schema with every kind of field as JSON; whether it is such a message.
///
/// # Panics
///
/// When prost-reflect disagrees, or one of them panics.
pub fn any_schema(data: &[u8]) -> bool {
    let Some((choice, rest)) = data.split_first() else { return false };
    SCHEMAS.with_borrow_mut(|schemas| {
        let schema = &mut schemas[usize::from(choice % 2)];
        match choice / 2 % 2 {
            0 => schema.agree(rest),
            _ => {
                let body = schema.message(rest, true);
                schema.agree(&body)
            }
        }
    })
}

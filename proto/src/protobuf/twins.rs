//! Fields of one message whose names differ in case or underscores alone, such as `id` and `Id`.
//!
//! protoc takes them where their JSON names differ; prost-reflect refuses them. So all but the first are given names that tell what they are
//! called, and the tables call them so again.

use std::collections::HashSet;

use prost::Message;
use prost_reflect::prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// What the names that are given begin with.
const PREFIX: &str = "warehouse_sink_twin_";

/// The descriptor set with names that prost-reflect takes; none where it has none that it wouldn't.
pub(super) fn renamed(descriptor_set: &[u8]) -> Option<Vec<u8>> {
    let mut set = FileDescriptorSet::decode(descriptor_set).ok()?;
    let files = set.file.iter_mut().map(rename_twins);
    // Each of them, not only up to the first.
    files.fold(false, |any, renamed| any | renamed).then(|| set.encode_to_vec())
}

/// Gives other names to the fields of a file that prost-reflect would refuse for their names; whether there are some. [`Table`](crate::Table)
/// calls them by their own.
pub fn rename_twins(file: &mut FileDescriptorProto) -> bool {
    // What the compilers refuse in proto2 is none of them.
    let is_proto2 = matches!(file.syntax(), "" | "proto2");
    !is_proto2 && file.message_type.iter_mut().map(in_message).fold(false, |any, renamed| any | renamed)
}

fn in_message(message: &mut DescriptorProto) -> bool {
    let mut any = message.nested_type.iter_mut().map(in_message).fold(false, |any, renamed| any | renamed);
    let mut names = HashSet::new();
    for field in &mut message.field {
        let folded =
            field.name().chars().filter(|letter| *letter != '_').flat_map(char::to_lowercase).collect::<String>();
        if !names.insert(folded) {
            let hex: String = field.name().bytes().map(|byte| format!("{byte:02x}")).collect();
            field.name = Some(format!("{PREFIX}{hex}"));
            any = true;
        }
    }
    any
}

/// The name that a field was given by its author.
pub(super) fn original(name: &str) -> String {
    let hex = name.strip_prefix(PREFIX);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes = hex.and_then(|hex| hex.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>());
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| name.to_owned())
}

//! The generated types of `causality.v1`; see `proto/causality/v1/events.proto`.

// The .proto file is the documentation of these types.
#![allow(missing_docs)]
// The payload messages differ in size, and one is decoded at a time: a box around each would cost an allocation per
// event.
#![allow(clippy::large_enum_variant, clippy::struct_excessive_bools, clippy::doc_markdown)]

include!(concat!(env!("OUT_DIR"), "/causality.v1.rs"));
#[cfg(feature = "reference")]
include!(concat!(env!("OUT_DIR"), "/enums.rs"));

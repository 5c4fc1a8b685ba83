//! Compiles the .proto file without protoc: to descriptors, which the program reads at its start, and to prost's types, which
//! the generator of events and the tests use.
//!
//! With the feature `reference`, every generated payload message learns to write itself as canonical ProtoJSON: each field gets
//! the serde attributes that its protobuf type asks for. A field of a type that has no rule here fails the build.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

use prost::Message;
use protox::prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use protox::prost_reflect::prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet, MessageOptions};

const PROTO: &str = "proto/causality/v1/events.proto";
const PACKAGE: &str = ".causality.v1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile([PROTO], ["proto"])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;

    let mut config = prost_build::Config::new();
    // Sorted maps: the same message always gives the same JSON.
    config.btree_map(["."]);
    if std::env::var_os("CARGO_FEATURE_REFERENCE").is_some() {
        std::fs::write(out.join("enums.rs"), enum_names(&descriptors)?)?;
        for message in descriptors.file.iter().flat_map(|file| &file.message_type) {
            add_json(&mut config, message)?;
        }
    }
    config.compile_fds(descriptors)?;
    Ok(())
}

/// Lets the reference find the name of an enum's number, for every enum of the schema.
fn enum_names(descriptors: &FileDescriptorSet) -> Result<String, std::fmt::Error> {
    let mut code = String::new();
    for enumeration in descriptors.file.iter().flat_map(|file| &file.enum_type) {
        writeln!(
            code,
            "impl crate::reference::json::WireEnum for {} {{\n    fn name_of(number: i32) -> Option<&'static str> {{\n        \
             Self::try_from(number).ok().map(|value| value.as_str_name())\n    }}\n}}",
            enumeration.name()
        )?;
    }
    Ok(code)
}

fn add_json(config: &mut prost_build::Config, message: &DescriptorProto) -> Result<(), String> {
    let name = message.name();
    if let Some(oneof) = message.oneof_decl.first() {
        // The envelope itself is never JSON; its payload is whichever message it holds, without a wrapper.
        config.type_attribute(
            format!("{PACKAGE}.{name}.{}", oneof.name()),
            "#[derive(serde::Serialize)] #[serde(untagged)]",
        );
        return Ok(());
    }
    config.type_attribute(format!("{PACKAGE}.{name}"), "#[derive(serde::Serialize)]");
    for field in &message.field {
        let rules = json_rules(message, field)
            .ok_or_else(|| format!("{name}.{}: no JSON rule for a field of this type", field.name()))?;
        config.field_attribute(
            format!("{PACKAGE}.{name}.{}", field.name()),
            format!("#[serde(rename = \"{}\", {rules})]", field.name()),
        );
    }
    Ok(())
}

/// The serde rules of one field: when it is left out, and how it is written; None when its type is not known here.
fn json_rules(message: &DescriptorProto, field: &FieldDescriptorProto) -> Option<String> {
    if field.proto3_optional() {
        return None;
    }
    let map_entry = message.nested_type.iter().find(|nested| {
        nested.options.as_ref().is_some_and(is_map_entry)
            && field.type_name().ends_with(&format!(".{}.{}", message.name(), nested.name()))
    });
    if let Some(entry) = map_entry {
        return map_rules(entry);
    }
    if field.label() == Label::Repeated {
        return matches!(field.r#type(), Type::String | Type::Message).then(|| skip("Vec::is_empty"));
    }
    Some(match field.r#type() {
        Type::String => skip("String::is_empty"),
        Type::Bool => skip("crate::reference::json::is_false"),
        Type::Int32 => skip("crate::reference::json::is_zero_i32"),
        Type::Int64 => written(&skip("crate::reference::json::is_zero_i64"), "int64"),
        Type::Float => written(&skip("crate::reference::json::is_zero_f32"), "float"),
        Type::Message => skip("Option::is_none"),
        Type::Enum => {
            let name = field.type_name().strip_prefix(PACKAGE)?.strip_prefix('.')?;
            written(&skip("crate::reference::json::is_zero_i32"), &format!("enumeration::<crate::wire::{name}, _>"))
        }
        _ => return None,
    })
}

fn is_map_entry(options: &MessageOptions) -> bool {
    options.map_entry()
}

fn map_rules(entry: &DescriptorProto) -> Option<String> {
    let key = entry.field.iter().find(|field| field.number() == 1)?;
    let value = entry.field.iter().find(|field| field.number() == 2)?;
    let skip = skip("std::collections::BTreeMap::is_empty");
    match (key.r#type(), value.r#type()) {
        (Type::String, Type::String | Type::Bool) => Some(skip),
        (Type::String, Type::Int64) => Some(written(&skip, "int64_map")),
        (Type::String, Type::Double) => Some(written(&skip, "double_map")),
        _ => None,
    }
}

fn skip(condition: &str) -> String {
    format!("skip_serializing_if = \"{condition}\"")
}

fn written(skip: &str, by: &str) -> String {
    format!("{skip}, serialize_with = \"crate::reference::json::{by}\"")
}

//! The columns of a file as Parquet counts them: one for each value that holds no others.

use super::{Format, PUBLISHED, PartitionColumn, ROW, SEQUENCE, Table, UNKNOWN, time_names};
use crate::json::{self, Type};
use crate::nested::{Column, Shape};
use crate::protobuf::Kind;

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The names of the groups around it, and its own.
    pub path: Vec<String>,
    /// How it is best written.
    pub kind: LeafKind,
}

/// What a column's values are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafKind {
    /// Names and numbers of which there are few: a dictionary stays small.
    Few,
    /// Texts that may repeat: worth a dictionary, as long as it is small.
    Repeating,
    /// Texts that differ from row to row.
    Distinct,
    /// Numbers and times.
    Number,
    /// Numbers that rise from row to row, or lie close together.
    Rising,
    /// True or false.
    Flag,
    /// Whose least and greatest value tell a reader nothing.
    Opaque,
}

pub(super) fn of(of: &Table) -> Vec<Leaf> {
    let table = &*of.0;
    let mut leaves = Vec::new();
    match &table.format {
        Format::Protobuf(messages) => nested_leaves(&messages.columns, &mut leaves),
        Format::Events(events) => leaves.extend(events.leaves()),
        Format::Json(documents) => {
            for (index, column) in documents.columns.columns.iter().enumerate() {
                if documents.in_file(index) {
                    json_column(&mut Vec::new(), column, &mut leaves);
                }
            }
        }
    }
    for column in &table.partition_columns {
        let name = match column {
            PartitionColumn::Field(index) => &*table.layout.fields[*index].name,
            PartitionColumn::Time(index) => time_names(table.layout.down_to)[*index],
        };
        leaves.push(Leaf { path: vec![name.to_owned()], kind: LeafKind::Few });
    }
    if !matches!(table.format, Format::Events(_)) {
        leaves.extend([SEQUENCE, PUBLISHED].map(|name| Leaf { path: vec![name.to_owned()], kind: LeafKind::Rising }));
    }
    if of.explodes() {
        leaves.push(Leaf { path: vec![ROW.to_owned()], kind: LeafKind::Number });
    }
    let notes = table.notes.iter().map(|(name, _)| name.to_string());
    leaves.extend(notes.map(|name| Leaf { path: vec![name], kind: LeafKind::Repeating }));
    if table.keep_unknown_fields {
        leaves.push(Leaf { path: vec![UNKNOWN.to_owned()], kind: LeafKind::Opaque });
    }
    leaves
}

/// The columns of a message, as Parquet counts them.
pub(super) fn nested_leaves(of: &[Column], leaves: &mut Vec<Leaf>) {
    columns(&mut Vec::new(), of, leaves);
}

fn columns(path: &mut Vec<String>, columns: &[Column], leaves: &mut Vec<Leaf>) {
    for column in columns {
        path.push(column.name.to_string());
        shape(path, &column.shape, leaves);
        path.pop();
    }
}

fn shape(path: &mut Vec<String>, of: &Shape, leaves: &mut Vec<Leaf>) {
    let kind = match of {
        Shape::Struct { columns: inner, .. } => return columns(path, inner, leaves),
        Shape::List { elements, .. } => return within(path, &["list", "element"], &elements.shape, leaves),
        Shape::Map { key, values, .. } => {
            within(path, &["key_value", "key"], &Shape::Scalar(*key), leaves);
            return within(path, &["key_value", "value"], &values.shape, leaves);
        }
        Shape::Scalar(kind) | Shape::Wrapper { kind, .. } => match kind {
            Kind::Text => LeafKind::Repeating,
            Kind::Bytes => LeafKind::Opaque,
            Kind::Bool => LeafKind::Flag,
            _ => LeafKind::Number,
        },
        Shape::Enum(_) | Shape::Which(_) => LeafKind::Few,
        Shape::Timestamp(_) | Shape::Duration(_) => LeafKind::Number,
        Shape::Json(_) => LeafKind::Opaque,
    };
    leaves.push(Leaf { path: path.clone(), kind });
}

fn json_column(path: &mut Vec<String>, column: &json::Column, leaves: &mut Vec<Leaf>) {
    path.push(column.name.to_string());
    json_type(path, &column.of, leaves);
    path.pop();
}

fn json_type(path: &mut Vec<String>, of: &Type, leaves: &mut Vec<Leaf>) {
    let kind = match of {
        Type::Struct(columns) => {
            return columns.columns.iter().for_each(|column| json_column(path, column, leaves));
        }
        Type::List(element) => {
            return in_groups(path, &["list", "element"], |path| json_type(path, &element.of, leaves));
        }
        Type::Map(element) => {
            in_groups(path, &["key_value", "key"], |path| json_type(path, &Type::Text, leaves));
            return in_groups(path, &["key_value", "value"], |path| json_type(path, &element.of, leaves));
        }
        Type::Text => LeafKind::Repeating,
        Type::Bytes | Type::Json => LeafKind::Opaque,
        Type::Bool => LeafKind::Flag,
        _ => LeafKind::Number,
    };
    leaves.push(Leaf { path: path.clone(), kind });
}

fn within(path: &mut Vec<String>, groups: &[&str], of: &Shape, leaves: &mut Vec<Leaf>) {
    in_groups(path, groups, |path| shape(path, of, leaves));
}

fn in_groups(path: &mut Vec<String>, groups: &[&str], read: impl FnOnce(&mut Vec<String>)) {
    path.extend(groups.iter().map(ToString::to_string));
    read(path);
    path.truncate(path.len() - groups.len());
}

//! Growing columns of names: 4 bytes for a value, whatever its name's length.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Builder, StringArray};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;

use crate::protobuf::EnumTable;

/// The names of an enum's values. A number that the schema does not know is its own name.
#[derive(Debug)]
pub(super) struct EnumGrower {
    keys: Int32Builder,
    /// By their numbers' order, the known before the unknown.
    names: Vec<Box<str>>,
    unknown: HashMap<i32, i32>,
}

impl EnumGrower {
    pub fn new(table: &EnumTable, capacity: usize) -> Self {
        let names = table.names().map(Box::from).collect();
        Self { keys: Int32Builder::with_capacity(capacity), names, unknown: HashMap::new() }
    }

    pub fn append(&mut self, table: &EnumTable, number: Option<i32>) {
        let Some(number) = number else { return self.keys.append_null() };
        let key = match table.position(number) {
            Some(position) => position as i32,
            None => *self.unknown.entry(number).or_insert_with(|| {
                self.names.push(number.to_string().into());
                self.names.len() as i32 - 1
            }),
        };
        self.keys.append_value(key);
    }

    pub fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        dictionary(&mut self.keys, self.names.iter().map(|name| &**name))
    }
}

/// The name of the field of a oneof that has a value.
#[derive(Debug)]
pub(super) struct WhichGrower {
    keys: Int32Builder,
    /// By the field's index in its message.
    names: Arc<[Option<Box<str>>]>,
}

impl WhichGrower {
    pub fn new(names: &Arc<[Option<Box<str>>]>, capacity: usize) -> Self {
        Self { keys: Int32Builder::with_capacity(capacity), names: names.clone() }
    }

    /// Takes the field's index plus one.
    pub fn append(&mut self, which: Option<u64>) {
        let key = which.and_then(|which| which.checked_sub(1)).and_then(|index| i32::try_from(index).ok());
        self.keys.append_option(key);
    }

    pub fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        dictionary(&mut self.keys, self.names.iter().map(|name| name.as_deref().unwrap_or_default()))
    }
}

fn dictionary<'n>(keys: &mut Int32Builder, names: impl Iterator<Item = &'n str>) -> Result<ArrayRef, ArrowError> {
    let names = StringArray::from_iter_values(names);
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys.finish(), Arc::new(names))?))
}

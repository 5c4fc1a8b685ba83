//! The rows of JSON documents.

use arrow::datatypes::Field as ArrowField;

use super::layout::{FolderField, Layout};
use super::options::{Empty, EventTime, TableOptions, TimeUnit};
use super::value::{FolderValue, Values};
use crate::json::{Cell, Document, JsonError, Part, Row, Struct, Type, columns, is_whole, path};
use crate::nested::MAX_COLUMNS;
use crate::protobuf::SchemaError;

/// What documents are called.
pub(super) const NAME: &str = "json";

/// The declared columns, and what is needed of them.
#[derive(Debug)]
pub(super) struct Json {
    pub columns: Struct,
    /// Whether a column is in the files, by its index.
    in_file: Box<[bool]>,
    /// The column whose elements are rows.
    pub exploded: Option<Exploded>,
    /// The fields that make folders.
    folders: Box<[FieldPath]>,
    time: Option<(FieldPath, TimeUnit)>,
}

/// The column whose elements are rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exploded {
    pub index: usize,
    /// Whether a message must have it.
    is_required: bool,
    /// Whether no element may be null.
    are_elements_required: bool,
}

impl Exploded {
    /// What stands around the elements.
    pub fn around(self) -> Part {
        Part::Around { index: self.index, is_required: self.is_required }
    }

    fn one(self) -> Part {
        Part::OneOf { index: self.index, is_required: self.are_elements_required }
    }
}

/// The way to one value in a document.
#[derive(Debug)]
struct FieldPath {
    /// The index of each column in its object, from the outside in.
    steps: Box<[usize]>,
    of: Type,
}

impl Json {
    /// Reads the declaration of the columns, and lays the rows out. `added` are the names of the columns that are added.
    pub fn new(declared: &str, options: &TableOptions, added: &[&str]) -> Result<(Self, Layout), SchemaError> {
        let mut columns = columns(declared)?;
        let exploded = options.explode.as_ref().map(|field| explode(&mut columns, field, options.empty_batch));
        let exploded = exploded.transpose()?;
        let in_element =
            |path: &FieldPath| exploded.is_some_and(|exploded| path.steps.first() == Some(&exploded.index));
        if columns.leaves() > MAX_COLUMNS {
            return Err(SchemaError::TooManyJsonColumns { limit: MAX_COLUMNS });
        }
        let (mut folders, mut fields) = (Vec::new(), Vec::new());
        for field in &options.partition_by {
            let (path, name) = FieldPath::find(&columns, field)?;
            if !names_a_folder(&path.of) {
                let reason = "only strings, whole numbers, booleans and dates make folders";
                return Err(SchemaError::Partition { field: field.clone(), reason });
            }
            let is_column = matches!(*path.steps, [index] if *columns.columns[index].name == *name);
            let is_top_level = path.steps.len() == 1;
            let (name, field, is_in_element) = (name.into(), field.as_str().into(), in_element(&path));
            fields.push(FolderField { name, field, is_top_level, is_column, is_in_element });
            folders.push(path);
        }
        let time = time(&columns, options)?;
        let layout = Layout::new(fields, time.as_ref().is_some_and(|(path, _)| in_element(path)), options, added)?;
        let reserved = layout.reserved(added.iter().copied());
        let taken = |name: &str| reserved.iter().any(|reserved| reserved.to_lowercase() == name.to_lowercase());
        let in_path = |index| folders.iter().any(|path| *path.steps == [index]);
        let in_file = (0..columns.columns.len()).map(|index| options.partition_columns_in_file || !in_path(index));
        let in_file: Box<[bool]> = in_file.collect();
        for (column, in_file) in columns.columns.iter().zip(&in_file) {
            if *in_file && taken(&column.name) {
                return Err(SchemaError::Taken { column: column.name.to_string() });
            }
        }
        Ok((Self { columns, in_file, exploded, folders: folders.into(), time }, layout))
    }

    /// Whether a column is in the files, by its index.
    pub fn in_file(&self, index: usize) -> bool {
        self.in_file.get(index).is_some_and(|in_file| *in_file)
    }

    /// The Arrow fields of the documents.
    pub fn fields(&self) -> Vec<ArrowField> {
        let kept = self.columns.columns.iter().enumerate().filter(|(index, _)| self.in_file(*index));
        kept.map(|(_, column)| column.field()).collect()
    }

    /// What of a document is a row.
    pub fn part(&self) -> Part {
        self.exploded.map_or(Part::Whole, Exploded::one)
    }

    /// Reads a whole body, and sees that it can be a row.
    pub fn read<'a>(&self, document: &mut Document, body: &'a [u8]) -> Result<&'a str, JsonError> {
        document.read(&self.columns, self.part(), body)
    }
}

/// Finds the column whose elements are rows, and makes it one that has one value: that of the row.
fn explode(columns: &mut Struct, field: &str, empty: Empty) -> Result<Exploded, SchemaError> {
    let names = path(field).map_err(|_| SchemaError::NoColumn { field: field.to_owned() })?;
    let index = names.first().filter(|_| names.len() == 1).and_then(|key| columns.find(key, 0));
    let index = index.ok_or_else(|| SchemaError::NoColumn { field: field.to_owned() })?;
    let mut all = columns.columns.to_vec();
    let refuse = SchemaError::Explode { field: field.to_owned(), reason: "its type must be a list of structs" };
    let Type::List(element) = &all[index].of else { return Err(refuse) };
    if !matches!(element.of, Type::Struct(_)) {
        return Err(refuse);
    }
    let (is_required, are_elements_required) = (all[index].required, element.required);
    // A row of a batch without elements has null there.
    (all[index].required, all[index].of) = (element.required && empty != Empty::Row, element.of.clone());
    *columns = Struct::new(all);
    Ok(Exploded { index, is_required, are_elements_required })
}

fn names_a_folder(of: &Type) -> bool {
    is_whole(of) || matches!(of, Type::Text | Type::Bool | Type::Date)
}

fn time(columns: &Struct, options: &TableOptions) -> Result<Option<(FieldPath, TimeUnit)>, SchemaError> {
    let EventTime::Field { field, unit } = &options.event_time else { return Ok(None) };
    let (path, _) = FieldPath::find(columns, field)?;
    match &path.of {
        Type::Timestamp(_) => Ok(Some((path, TimeUnit::Micros))),
        of if is_whole(of) => Ok(Some((path, *unit))),
        _ => Err(SchemaError::EventTime { field: field.clone() }),
    }
}

impl FieldPath {
    /// Finds the columns of a path such as `customer.country`, and the name of their folder: their names, with underscores between them
    /// and for whatever is no letter or digit.
    fn find(columns: &Struct, field: &str) -> Result<(Self, String), SchemaError> {
        let none = || SchemaError::NoColumn { field: field.to_owned() };
        let refuse = |reason| SchemaError::Partition { field: field.to_owned(), reason };
        let (mut steps, mut folder, mut holder, mut of) = (Vec::new(), Vec::new(), Some(columns), None);
        for key in path(field).map_err(|_| none())? {
            let within = holder.ok_or_else(|| refuse("a column on its path is no struct"))?;
            let index = within.find(&key, 0).ok_or_else(none)?;
            let column = &within.columns[index];
            steps.push(index);
            folder.push(&*column.name);
            holder = match &column.of {
                Type::Struct(columns) => Some(columns),
                _ => None,
            };
            of = Some(&column.of);
        }
        let of = of.ok_or_else(none)?;
        let plain = |letter: char| if letter.is_alphanumeric() { letter } else { '_' };
        Ok((Self { steps: steps.into(), of: of.clone() }, folder.join("_").chars().map(plain).collect()))
    }
}

/// A document that was read.
pub(super) struct Read<'r> {
    pub of: &'r Json,
    pub row: Row<'r>,
}

impl Values for Read<'_> {
    fn folder(&self, index: usize) -> FolderValue<'_> {
        let Some(path) = self.of.folders.get(index) else { return FolderValue::None };
        let cell = self.row.at(&path.steps);
        match cell {
            Cell::Int(days) if path.of == Type::Date => FolderValue::Date(days as i32),
            Cell::Int(number) => FolderValue::Signed(number),
            Cell::Uint(number) => FolderValue::Unsigned(number),
            Cell::Bool(value) => FolderValue::Bool(value),
            _ => self.row.text(cell).map_or(FolderValue::None, FolderValue::Text),
        }
    }

    fn millis(&self) -> Option<i64> {
        let (path, unit) = self.of.time.as_ref()?;
        match self.row.at(&path.steps) {
            Cell::Int(time) => unit.millis(time),
            Cell::Uint(time) => unit.millis(i64::try_from(time).ok()?),
            _ => None,
        }
    }
}

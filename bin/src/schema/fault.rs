//! Why there is no schema: which setting is wrong, where it stands, and what may have been meant.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use protox::prost_reflect::DescriptorPool;
use warehouse_sink_io::encode::SortError;
use warehouse_sink_proto::protobuf::SchemaError;
use warehouse_sink_proto::{Table, TableOptions};

use crate::settings::{Messages, Paths, Settings, name_hint};

/// Why there is no schema. The settings, or the files that they name, have to change.
#[derive(Debug)]
pub struct LoadError {
    fault: Box<Fault>,
    /// What may help, and the setting with its place.
    more: String,
}

impl LoadError {
    pub(super) fn new(settings: &Settings, fault: Fault) -> Self {
        let setting = setting_of(settings, &fault);
        let origin = settings.origins.of(&setting).map(|origin| format!(", {origin}"));
        let hint = hint(settings, &fault).map(|hint| format!("; {hint}")).unwrap_or_default();
        let more = format!("{hint} ({setting}{})", origin.unwrap_or_default());
        LoadError { fault: Box::new(fault), more }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.fault, self.more)
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.fault)
    }
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The descriptor set can't be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The .proto files can't be compiled.
    #[error("schema.proto_files: {0:?}")]
    Compile(#[from] protox::Error),
    /// A column gets a bloom filter that no file has.
    #[error("parquet.bloom_filter_columns: no message has a column {name:?}; its columns are {columns}")]
    NoColumn {
        /// The column, with a dot between the names of the groups around it and its own.
        name: String,
        /// Those that there are.
        columns: String,
    },
    /// Files can't be sorted as they are to be.
    #[error("parquet.sort_by: {0}")]
    Sort(#[from] SortError),
    /// The schema can't be used for a table.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The same, for one of several tables.
    #[error("the route of {subject}: {source}")]
    Route {
        /// The route's subject.
        subject: String,
        /// Why.
        source: SchemaError,
    },
}

/// The setting that has to change.
fn setting_of(settings: &Settings, fault: &Fault) -> String {
    let schema = &settings.schema;
    match fault {
        Fault::Unreadable { .. } => "schema.descriptor_set".to_owned(),
        Fault::Compile(_) if schema.include.is_some() => "schema.include".to_owned(),
        Fault::Compile(_) => "schema.proto_files".to_owned(),
        Fault::NoColumn { .. } => "parquet.bloom_filter_columns".to_owned(),
        Fault::Sort(_) => "parquet.sort_by".to_owned(),
        Fault::Route { .. } => "schema.route".to_owned(),
        Fault::Schema(error) => format!("schema.{}", key_of(settings, error)),
    }
}

fn key_of(settings: &Settings, error: &SchemaError) -> &'static str {
    let schema = &settings.schema;
    match error {
        SchemaError::Descriptors { .. } | SchemaError::Contradicts if schema.descriptor_set.is_some() => {
            "descriptor_set"
        }
        SchemaError::Descriptors { .. } | SchemaError::Contradicts => "proto_files",
        SchemaError::Partition { .. } => "partition_by",
        SchemaError::Explode { .. } => "explode",
        SchemaError::Header { .. } => "header_columns",
        SchemaError::EventTime { .. } => "event_time",
        // A path is named by its end, or as a whole.
        SchemaError::NoField { field, .. } | SchemaError::NoColumn { field } => {
            let is_of =
                |path: &Option<String>| path.as_ref().is_some_and(|path| path == field || path.ends_with(field));
            match (is_of(&schema.explode), is_of(&schema.event_time)) {
                (true, _) => "explode",
                (_, true) => "event_time",
                _ => "partition_by",
            }
        }
        _ if schema.columns.is_some() => "columns",
        _ => "message",
    }
}

/// What may have been meant.
fn hint(settings: &Settings, fault: &Fault) -> Option<String> {
    match fault {
        Fault::Compile(error) if error.is_file_not_found() => Some(include_hint(settings, &error.to_string())),
        Fault::Schema(error) | Fault::Route { source: error, .. } => schema_hint(settings, error),
        _ => None,
    }
}

fn schema_hint(settings: &Settings, error: &SchemaError) -> Option<String> {
    match error {
        SchemaError::NoMessage { name } => {
            let pool = pool(settings)?;
            let names: Vec<String> = pool.all_messages().map(|message| message.full_name().to_owned()).collect();
            Some(name_hint(names.iter().map(String::as_str), name))
        }
        SchemaError::NoField { message, field } => {
            let message = pool(settings)?.get_message_by_name(message)?;
            let names: Vec<String> = message.fields().map(|field| field.name().to_owned()).collect();
            Some(name_hint(names.iter().map(String::as_str), field))
        }
        SchemaError::NoColumn { field } => {
            let columns = declared(settings);
            Some(name_hint(columns.iter().map(String::as_str), field))
        }
        _ => None,
    }
}

fn pool(settings: &Settings) -> Option<DescriptorPool> {
    DescriptorPool::decode(super::descriptor_set(&settings.schema).ok()?.as_slice()).ok()
}

/// The columns of all JSON documents.
fn declared(settings: &Settings) -> BTreeSet<String> {
    let routes = settings.schema.route.iter().flat_map(|routes| routes.as_slice());
    let of_routes = routes.filter_map(|route| match &route.messages {
        Messages::Json(columns) => Some(columns.as_str()),
        Messages::Protobuf(_) => None,
    });
    let declarations = settings.schema.columns.as_deref().into_iter().chain(of_routes);
    let tables = declarations.filter_map(|columns| Table::json(columns, &TableOptions::new("")).ok());
    // The sink's own come last, and are no fields of a document.
    let is_own = |name: &str| name.starts_with("nats_");
    tables.flat_map(|table| table.leaves()).map(|leaf| leaf.path.join(".")).filter(|name| !is_own(name)).collect()
}

/// Where the folder may be that an import begins in: at or above the folders of the files.
fn include_hint(settings: &Settings, error: &str) -> String {
    let name = error.split('\'').nth(1).unwrap_or_default();
    let files = settings.schema.proto_files.as_ref().map_or(&[][..], Paths::as_slice);
    let above = files.iter().flat_map(|file| file.ancestors().skip(1));
    let holds = |folder: &Path| !name.is_empty() && folder.join(name).is_file();
    match above.map(|folder| if folder == Path::new("") { Path::new(".") } else { folder }).find(|folder| holds(folder))
    {
        Some(folder) => format!("it is in {0:?}: set schema.include = [{0:?}]", folder.display().to_string()),
        None => format!("schema.include must hold the folder that {name:?} begins in"),
    }
}

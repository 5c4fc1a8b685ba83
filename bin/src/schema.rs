//! From the settings to what reads the messages.

mod fault;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};
use warehouse_sink_io::schema::{Route, StreamSchema};
use warehouse_sink_io::subject::SubjectFilter;
use warehouse_sink_proto::protobuf::{SchemaError, rename_twins};
use warehouse_sink_proto::{ColumnOptions, EventTime, Table, TableOptions};

pub use fault::LoadError;

use fault::Fault;

use crate::settings::{Fields, Format, Headers, Messages, Paths, RouteSettings, Schema, Settings, UnknownFields};

/// What the event's time of `causality.v1` is by default, and what it may be beside its fields.
const EVENT_TIME: &str = "timestamp_ms";
const PUBLISHED: &str = "nats_published_at";

/// Loads and compiles what the messages are.
///
/// # Errors
///
/// When a file can't be read or compiled, or the settings name what is not in it.
pub fn load(settings: &Settings) -> Result<StreamSchema, LoadError> {
    load_it(settings).map_err(|fault| LoadError::new(settings, fault))
}

fn load_it(settings: &Settings) -> Result<StreamSchema, Fault> {
    let schema = &settings.schema;
    if schema.format == Format::CausalityV1 {
        return if schema.events_are_a_table() { events(settings) } else { Ok(StreamSchema::built_in()?) };
    }
    let set = if schema.has_protobuf() { descriptor_set(schema)? } else { Vec::new() };
    let routes = match &schema.route {
        None => vec![Route::all(table(&set, &messages(schema), options(settings))?)],
        Some(routes) => {
            let routes = routes.as_slice().iter().map(|said| {
                let failed = |source| Fault::Route { subject: said.subject.clone(), source };
                route(settings, &set, said).map_err(failed)
            });
            routes.collect::<Result<Vec<_>, _>>()?
        }
    };
    tables(settings, routes)
}

/// The events of `causality.v1`, where they are stored in another way than by default.
fn events(settings: &Settings) -> Result<StreamSchema, Fault> {
    let (schema, by_default) = (&settings.schema, TableOptions::events());
    let event_time = match schema.event_time.as_deref() {
        Some(PUBLISHED) => EventTime::Published,
        field => EventTime::Field { field: field.unwrap_or(EVENT_TIME).to_owned(), unit: schema.event_time_unit },
    };
    let partition_by =
        schema.partition_by.as_ref().map_or(by_default.partition_by, |fields| fields.as_slice().to_vec());
    let routes = vec![Route::all(Table::events(&TableOptions { event_time, partition_by, ..options(settings) })?)];
    tables(settings, routes)
}

/// The schema of these routes, which must have the columns that the settings name.
fn tables(settings: &Settings, routes: Vec<Route>) -> Result<StreamSchema, Fault> {
    check_columns(settings, &routes)?;
    let schema = StreamSchema::Tables(routes.into());
    let columns = ColumnOptions { partition_columns_in_file: settings.parquet.partition_columns_in_file };
    schema.check_sort(&columns, settings.sort_by())?;
    Ok(schema)
}

/// Each column that is to get a bloom filter must be one of a message at least.
fn check_columns(settings: &Settings, routes: &[Route]) -> Result<(), Fault> {
    let columns: BTreeSet<String> =
        routes.iter().flat_map(|route| route.table.leaves()).map(|leaf| leaf.path.join(".")).collect();
    match settings.bloom_filter_columns().iter().find(|name| !columns.contains(*name)) {
        None => Ok(()),
        Some(name) => {
            let columns = columns.into_iter().collect::<Vec<_>>().join(", ");
            Err(Fault::NoColumn { name: name.clone(), columns })
        }
    }
}

/// What the messages of a stream without routes are.
fn messages(schema: &Schema) -> Messages {
    match schema.format {
        Format::Json => Messages::Json(schema.columns.clone().unwrap_or_default()),
        _ => Messages::Protobuf(schema.message.clone().unwrap_or_default()),
    }
}

fn table(set: &[u8], messages: &Messages, options: TableOptions) -> Result<Table, SchemaError> {
    match messages {
        Messages::Protobuf(name) => Table::new(set, &TableOptions { message: name.clone(), ..options }),
        Messages::Json(columns) => Table::json(columns, &options),
    }
}

fn route(settings: &Settings, set: &[u8], said: &RouteSettings) -> Result<Route, SchemaError> {
    let mut options = options(settings);
    options.explode = said.explode.clone();
    options.empty_batch = said.on_empty_batch.unwrap_or(options.empty_batch);
    if let Some(fields) = &said.partition_by {
        options.partition_by = fields.as_slice().to_vec();
    }
    if let Some(field) = &said.event_time {
        options.event_time = EventTime::Field { field: field.clone(), unit: settings.schema.event_time_unit };
    }
    Ok(Route {
        subject: SubjectFilter::new(said.subject.as_str()),
        prefix: Some(said.prefix.as_str().to_owned()),
        table: table(set, &said.messages, options)?,
    })
}

fn descriptor_set(schema: &Schema) -> Result<Vec<u8>, Fault> {
    match (&schema.descriptor_set, &schema.proto_files) {
        (Some(path), _) => fs::read(path).map_err(|source| Fault::Unreadable { path: path.clone(), source }),
        (None, files) => compile(files.as_ref().map_or(&[], Paths::as_slice), schema.include.as_ref()),
    }
}

/// Compiles .proto files as protoc would. The files of `google/protobuf` need not be there.
fn compile(files: &[PathBuf], include: Option<&Paths>) -> Result<Vec<u8>, Fault> {
    let folder = |file: &PathBuf| match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let folders = include.map_or_else(|| files.iter().map(folder).collect(), |paths| paths.as_slice().to_vec());
    let mut resolver = ChainFileResolver::new();
    folders.into_iter().for_each(|folder| resolver.add(IncludeFileResolver::new(folder)));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(Twins(resolver));
    Ok(compiler.include_imports(true).open_files(files)?.encode_file_descriptor_set())
}

/// Gives files to the compiler with names of fields that it takes: see [`rename_twins`].
struct Twins(ChainFileResolver);

impl FileResolver for Twins {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        self.0.resolve_path(path)
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let file = self.0.open_file(name)?;
        let mut described = file.file_descriptor_proto().clone();
        Ok(if rename_twins(&mut described) { File::from_file_descriptor_proto(described) } else { file })
    }
}

fn options(settings: &Settings) -> TableOptions {
    let schema = &settings.schema;
    let event_time = match &schema.event_time {
        Some(field) => EventTime::Field { field: field.clone(), unit: schema.event_time_unit },
        None => EventTime::Published,
    };
    TableOptions {
        message: String::new(),
        recursion_depth: schema.recursion_depth.get(),
        partition_by: schema.partition_by.as_ref().map(Fields::as_slice).unwrap_or_default().to_vec(),
        event_time,
        partition_time: schema.partition_time,
        explode: schema.explode.clone(),
        empty_batch: schema.on_empty_batch,
        partition_columns_in_file: settings.parquet.partition_columns_in_file,
        keep_unknown_fields: schema.unknown_fields == UnknownFields::Keep,
        subject_column: schema.subject_column,
        payload: schema.payload,
        header_columns: schema.header_columns.as_ref().map(Headers::as_slice).unwrap_or_default().to_vec(),
    }
}

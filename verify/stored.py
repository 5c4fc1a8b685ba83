"""Reads the stored files with DuckDB and with pyarrow, each on its own, and checks the files themselves."""

from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

import schema

PATH = "__path"
SEQUENCE = "nats_stream_sequence"


@dataclass
class Files:
    """A folder of Parquet files and what is wrong with them."""

    root: Path
    paths: list[Path] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def under(cls, root: Path) -> "Files":
        """Every Parquet file below a folder, in order; none when it does not exist."""
        return cls(root, sorted(root.rglob("*.parquet")))


def check_files(files: Files, stream: str, dead_letter: bool) -> None:
    """Checks each file's schema, dictionary columns, metadata and name against the rows in it."""
    check_schema = schema.check_dead_letter_schema if dead_letter else schema.check_event_schema
    for path in files.paths:
        where = path.relative_to(files.root)
        parquet = pq.ParquetFile(path)
        faults = check_schema(parquet.schema_arrow)
        faults += _check_metadata(parquet, path, stream)
        if not dead_letter:
            faults += _check_dictionaries(parquet)
        files.faults += [f"{where}: {fault}" for fault in faults]


def _check_metadata(parquet: pq.ParquetFile, path: Path, stream: str) -> list[str]:
    metadata = {key.decode(): value.decode() for key, value in (parquet.metadata.metadata or {}).items()}
    sequences = parquet.read([SEQUENCE])[SEQUENCE].to_pylist()
    if not sequences:
        return ["the file has no rows"]
    # Those of a file that is sorted by its columns are looked at by sorted.py.
    is_sorted = any(parquet.metadata.row_group(number).sorting_columns for number in range(parquet.num_row_groups))
    faults = ["rows are not in the stream's order"] if not is_sorted and sequences != sorted(sequences) else []
    wanted = {
        "warehouse_sink.stream": stream,
        "warehouse_sink.first_sequence": str(min(sequences)),
        "warehouse_sink.last_sequence": str(max(sequences)),
    }
    faults += [
        f"metadata {key} is {metadata.get(key)!r}, not {value!r}"
        for key, value in wanted.items()
        if metadata.get(key) != value
    ]
    start = f"{min(sequences):020}-{max(sequences):020}-"
    if not path.name.startswith(start):
        faults.append(f"the name does not begin with {start}")
    return faults


def _check_dictionaries(parquet: pq.ParquetFile) -> list[str]:
    faults = []
    for group in range(parquet.metadata.num_row_groups):
        for index in range(parquet.metadata.num_columns):
            column = parquet.metadata.row_group(group).column(index)
            if column.path_in_schema in schema.DICTIONARY and not column.has_dictionary_page:
                faults.append(f"column {column.path_in_schema} has no dictionary")
    return faults


def _paths(files: Files) -> list[str]:
    return [str(path) for path in files.paths]


def read_duckdb(files: Files) -> pa.Table:
    """All rows as DuckDB reads them from the files, with the path of each row's file."""
    if not files.paths:
        return pa.table({SEQUENCE: pa.array([], pa.int64())})
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        relation = connection.sql(
            f"SELECT * EXCLUDE (filename), filename AS {PATH} "
            "FROM read_parquet($1, hive_partitioning = false, filename = true)",
            params=[_paths(files)],
        )
        return _combined(relation.to_arrow_table())


def read_pyarrow(files: Files) -> pa.Table:
    """All rows as pyarrow reads them from the files, with the path of each row's file."""
    if not files.paths:
        return pa.table({SEQUENCE: pa.array([], pa.int64())})
    tables = []
    for path in files.paths:
        table = pq.ParquetFile(path).read()
        tables.append(table.append_column(PATH, pa.array([str(path)] * len(table), pa.string())))
    return _combined(pa.concat_tables(tables))


def _combined(table: pa.Table) -> pa.Table:
    return table.combine_chunks()


def hive_duckdb(files: Files) -> pa.Table:
    """The sequence of each row and the partition values that DuckDB finds in its path."""
    with duckdb.connect() as connection:
        relation = connection.sql(
            f"SELECT {SEQUENCE}, app_id, year, month, day, hour FROM read_parquet($1, hive_partitioning = true, "
            "hive_types = {'app_id': VARCHAR, 'year': INT, 'month': INT, 'day': INT, 'hour': INT})",
            params=[_paths(files)],
        )
        return _combined(relation.to_arrow_table())


def hive_pyarrow(files: Files) -> pa.Table:
    """The sequence of each row and the partition values that pyarrow finds in its path."""
    partitioning = ds.partitioning(
        pa.schema([("app_id", pa.string()), *((name, pa.int32()) for name in schema.PARTITION_COLUMNS[1:])]),
        flavor="hive",
    )
    dataset = ds.dataset(
        _paths(files), format="parquet", partitioning=partitioning, partition_base_dir=str(files.root)
    )
    return _combined(dataset.to_table([SEQUENCE, *schema.PARTITION_COLUMNS]))

"""Copies what an object store holds into a folder, with clients that share no code with the sink."""

from pathlib import Path

import pyarrow.fs as pafs


def open_s3(endpoint: str, key: str, secret: str) -> pafs.FileSystem:
    """An S3 server that speaks HTTP."""
    return pafs.S3FileSystem(
        access_key=key,
        secret_key=secret,
        endpoint_override=endpoint,
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=False,
    )


def open_gcs(endpoint: str, _key: str, _secret: str) -> pafs.FileSystem:
    """A server that is like Google Cloud Storage and asks for no login."""
    return pafs.GcsFileSystem(anonymous=True, scheme="http", endpoint_override=endpoint)


def open_azblob(endpoint: str, key: str, secret: str) -> pafs.FileSystem:
    """A server that is like Azure Blob Storage, with the account's name in the path."""
    return pafs.AzureFileSystem(
        key,
        account_key=secret,
        blob_storage_authority=endpoint,
        blob_storage_scheme="http",
        dfs_storage_authority=endpoint,
        dfs_storage_scheme="http",
    )


OPENERS = {"s3": open_s3, "gcs": open_gcs, "azblob": open_azblob}


def download(remote: pafs.FileSystem, bucket: str, target: Path) -> None:
    """Copies a whole bucket into a folder, so that both readers see it as plain files."""
    for info in remote.get_file_info(pafs.FileSelector(bucket, recursive=True)):
        if info.type != pafs.FileType.File:
            continue
        local = target / Path(info.path).relative_to(bucket)
        local.parent.mkdir(parents=True, exist_ok=True)
        with remote.open_input_stream(info.path) as source:
            local.write_bytes(source.read())

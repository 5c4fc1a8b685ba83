//! The services, each behind the cargo feature of its own name.
//!
//! Those are here on which a new object shows at once and whole: object stores, and file servers that rename. WebHDFS is not: OpenDAL
//! writes a small file under its own name there, and removes the old one before it renames a large one. A store that keeps the
//! promise takes one entry here and one feature in two `Cargo.toml`s.

#[cfg(feature = "azblob")]
use opendal::services::AzblobConfig;
#[cfg(feature = "azdls")]
use opendal::services::AzdlsConfig;
#[cfg(feature = "b2")]
use opendal::services::B2Config;
#[cfg(feature = "cos")]
use opendal::services::CosConfig;
#[cfg(feature = "fs")]
use opendal::services::FsConfig;
#[cfg(feature = "gcs")]
use opendal::services::GcsConfig;
#[cfg(feature = "obs")]
use opendal::services::ObsConfig;
#[cfg(feature = "oss")]
use opendal::services::OssConfig;
#[cfg(feature = "s3")]
use opendal::services::S3Config;
#[cfg(feature = "swift")]
use opendal::services::SwiftConfig;
#[cfg(feature = "tos")]
use opendal::services::TosConfig;
#[cfg(feature = "webdav")]
use opendal::services::WebdavConfig;

#[allow(unused_imports, reason = "which of these are used is up to the features")]
use super::{FS, Required, Service, Upload, build, keys, needs};

/// What S3 and the services that are like it call the requests that create an object.
#[allow(dead_code, reason = "is used by some features only")]
const LIKE_S3: &[&str] = &["PutObject", "CompleteMultipartUpload"];

/// Every name that there is an entry for, whether it is compiled in or not.
pub(super) const NAMES: &[&str] =
    &["fs", "s3", "gcs", "azblob", "azdls", "b2", "cos", "obs", "oss", "swift", "tos", "webdav"];

/// Every service that is compiled in.
pub(super) const SERVICES: &[Service] = &[
    #[cfg(feature = "fs")]
    Service {
        name: FS,
        keys: keys::<FsConfig>,
        build: build::<FsConfig>,
        required: &[needs(&["root"])],
        upload: Upload::InParts,
        commits: &[],
    },
    #[cfg(feature = "s3")]
    Service {
        name: "s3",
        keys: keys::<S3Config>,
        build: build::<S3Config>,
        required: &[
            needs(&["bucket", "aws_bucket", "aws_bucket_name", "bucket_name"]),
            Required { names: &["region", "aws_region"], environment: &["AWS_REGION", "AWS_DEFAULT_REGION"] },
        ],
        upload: Upload::InParts,
        commits: LIKE_S3,
    },
    #[cfg(feature = "gcs")]
    Service {
        name: "gcs",
        keys: keys::<GcsConfig>,
        build: super::gcs::build,
        required: &[needs(&["bucket", "google_bucket", "google_bucket_name", "bucket_name"])],
        upload: Upload::AtOnce,
        commits: &["InsertObject"],
    },
    #[cfg(feature = "azblob")]
    Service {
        name: "azblob",
        keys: keys::<AzblobConfig>,
        build: build::<AzblobConfig>,
        required: &[
            needs(&["container", "azure_container_name", "container_name"]),
            needs(&["endpoint", "azure_storage_endpoint", "azure_endpoint"]),
        ],
        // OpenDAL cannot take back blocks that were not committed: Azure keeps them, and charges for them, for a week.
        upload: Upload::AtOnce,
        commits: &["PutBlob"],
    },
    #[cfg(feature = "azdls")]
    Service {
        name: "azdls",
        keys: keys::<AzdlsConfig>,
        build: build::<AzdlsConfig>,
        required: &[needs(&["filesystem"]), needs(&["endpoint"])],
        upload: Upload::Renamed,
        commits: &["RenamePath"],
    },
    #[cfg(feature = "b2")]
    Service {
        name: "b2",
        keys: keys::<B2Config>,
        build: build::<B2Config>,
        required: &[
            needs(&["bucket"]),
            needs(&["bucket_id"]),
            needs(&["application_key_id"]),
            needs(&["application_key"]),
        ],
        upload: Upload::AtOnce,
        commits: &["UploadFile"],
    },
    #[cfg(feature = "cos")]
    Service {
        name: "cos",
        keys: keys::<CosConfig>,
        build: build::<CosConfig>,
        required: &[needs(&["bucket"]), needs(&["endpoint"])],
        upload: Upload::InParts,
        commits: LIKE_S3,
    },
    #[cfg(feature = "obs")]
    Service {
        name: "obs",
        keys: keys::<ObsConfig>,
        build: build::<ObsConfig>,
        required: &[needs(&["bucket"]), needs(&["endpoint"])],
        upload: Upload::InParts,
        commits: LIKE_S3,
    },
    #[cfg(feature = "oss")]
    Service {
        name: "oss",
        keys: keys::<OssConfig>,
        build: build::<OssConfig>,
        required: &[needs(&["bucket"]), needs(&["endpoint"])],
        upload: Upload::InParts,
        commits: LIKE_S3,
    },
    #[cfg(feature = "swift")]
    Service {
        name: "swift",
        keys: keys::<SwiftConfig>,
        build: build::<SwiftConfig>,
        required: &[needs(&["container"]), needs(&["endpoint"])],
        upload: Upload::AtOnce,
        commits: &["CreateObject"],
    },
    #[cfg(feature = "tos")]
    Service {
        name: "tos",
        keys: keys::<TosConfig>,
        build: build::<TosConfig>,
        required: &[needs(&["bucket"])],
        upload: Upload::InParts,
        commits: LIKE_S3,
    },
    #[cfg(feature = "webdav")]
    Service {
        name: "webdav",
        keys: keys::<WebdavConfig>,
        build: build::<WebdavConfig>,
        required: &[needs(&["endpoint"])],
        upload: Upload::Renamed,
        commits: &["Move"],
    },
];

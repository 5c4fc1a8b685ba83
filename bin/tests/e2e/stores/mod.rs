//! One suite for every store: the same scenarios against a local folder, SeaweedFS (S3), fake-gcs-server (Google Cloud Storage)
//! and Azurite (Azure Blob Storage), and SeaweedFS once more by WebDAV, which the default set of features lacks. Nearly all of them
//! end with every event read back and every column compared.
//!
//! A folder has no network before it and asks for no login; what a killed run leaves in one is in `leftovers.rs`.

mod audit;
mod faults;
mod logins;
mod mid_upload;
mod parts;
mod tls;
mod world;

/// A test for each store and scenario.
macro_rules! suite {
    ($($store:ident: $($module:ident :: $scenario:ident),+;)+) => {
        $(mod $store { $(
            #[test]
            fn $scenario() {
                super::$module::$scenario(stringify!($store));
            }
        )+ })+
    };
}

suite! {
    fs: world::exact_contents, world::outage_and_recovery, world::missing_bucket, audit::gaps_and_duplicates_are_found,
        audit::dead_letters_are_replayed;
    s3: world::exact_contents, world::outage_and_recovery, world::missing_bucket, faults::slow_store,
        faults::errors_and_throttling, logins::refused_credentials, mid_upload::kill_in_mid_upload,
        audit::gaps_and_duplicates_are_found, audit::dead_letters_are_replayed;
    gcs: world::exact_contents, world::outage_and_recovery, world::missing_bucket, faults::slow_store,
        faults::errors_and_throttling, logins::refused_credentials, mid_upload::kill_in_mid_upload,
        audit::gaps_and_duplicates_are_found, audit::dead_letters_are_replayed;
    azblob: world::exact_contents, world::outage_and_recovery, world::missing_bucket, faults::slow_store,
        faults::errors_and_throttling, logins::refused_credentials, mid_upload::kill_in_mid_upload,
        audit::gaps_and_duplicates_are_found, audit::dead_letters_are_replayed;
    webdav: world::exact_contents, world::outage_and_recovery, world::missing_bucket, faults::slow_store,
        faults::errors_and_throttling, logins::refused_credentials, mid_upload::kill_in_mid_upload,
        audit::gaps_and_duplicates_are_found, audit::dead_letters_are_replayed;
}

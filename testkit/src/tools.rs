//! Where the test tools are.

use std::path::{Path, PathBuf};

/// The root of the workspace, where the `Makefile` is.
///
/// # Panics
///
/// Never in a checkout: this package lies one folder below the root.
#[must_use]
pub fn project_root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or_else(|| panic!("{} has no parent", package.display()))
}

/// The path of an installed tool: `nats-server`, `weed`, `fake-gcs-server`, `node` or `python`.
///
/// # Panics
///
/// When it isn't installed; the text says how to install it.
#[must_use]
#[track_caller]
pub fn tool(name: &str) -> PathBuf {
    let path = project_root().join(".tools/venv/bin").join(name);
    assert!(path.exists(), "{name} is not installed; run: make tools");
    path
}

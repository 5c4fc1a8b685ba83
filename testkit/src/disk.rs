//! A small disk that can be filled.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::Process;
use crate::wait::wait_until;

/// Mounts a file system in memory, says so, and stays until it is killed. In a mount namespace of its own, nothing but the
/// processes that look for it sees it.
const HOLD: &str = "mount -t tmpfs -o size=\"$1\" tmpfs \"$0\" && echo mounted && exec sleep infinity";

/// A file system of a few megabytes. It is gone when this value is dropped, whatever is in it.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Process,
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts a file system of this many bytes.
    ///
    /// # Errors
    ///
    /// When the system allows neither a user namespace nor, as root, a mount. The text says what it answered.
    #[track_caller]
    pub fn new(bytes: u64) -> Result<Self, String> {
        let mut answers = Vec::new();
        for flags in [["--mount", "--map-root-user"].as_slice(), ["--mount"].as_slice()] {
            match Self::mount(flags, bytes) {
                Ok(disk) => return Ok(disk),
                Err(answer) => answers.push(answer),
            }
        }
        Err(format!("no small file system can be mounted here: {}", answers.join("; ")))
    }

    #[track_caller]
    fn mount(flags: &[&str], bytes: u64) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let [point, log] = ["disk", "log"].map(|name| folder.path().join(name));
        fs::create_dir(&point).unwrap_or_else(|error| panic!("cannot make {}: {error}", point.display()));
        let mut command = Command::new("unshare");
        command.args(flags).args(["sh", "-c", HOLD]).arg(&point).arg(bytes.to_string());
        let mut holder = Process::start("unshare", &mut command, &log);
        let mut ended = false;
        wait_until(Duration::from_secs(10), "the small disk to be mounted", || {
            ended = holder.exited().is_some();
            ended || holder.log().contains("mounted")
        });
        if ended { Err(holder.log().trim().to_owned()) } else { Ok(Self { holder, folder }) }
    }

    /// The folder, as any process of the same user can reach it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let point = self.folder.path().join("disk");
        let below_root = point.strip_prefix("/").unwrap_or(&point);
        PathBuf::from(format!("/proc/{}/root", self.holder.pid())).join(below_root)
    }

    /// The folder by its plain path, as the processes see it that [`Self::program`] starts.
    #[must_use]
    pub fn mount_point(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// A program that runs the given one where the disk is mounted, as the same process. One that resolves the paths it is
    /// given needs this: [`Self::path`] resolves to the empty folder below the disk.
    #[must_use]
    #[track_caller]
    pub fn program(&self, program: impl AsRef<Path>) -> PathBuf {
        let holder = self.holder.pid();
        let user = |process: &str| fs::read_link(format!("/proc/{process}/ns/user")).ok();
        // Nobody can enter the user namespace that they are in already.
        let flags = if user("self") == user(&holder.to_string()) { "" } else { "--user --preserve-credentials" };
        let script = format!(
            "#!/bin/sh\nexec nsenter --target {holder} --mount {flags} -- '{}' \"$@\"\n",
            program.as_ref().display()
        );
        let file = self.folder.path().join("enter");
        let made = fs::write(&file, script).and_then(|()| fs::set_permissions(&file, Permissions::from_mode(0o700)));
        made.unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
        file
    }

    /// Takes all the room there is.
    #[track_caller]
    pub fn fill(&self) {
        let start = Instant::now();
        let filler = self.path().join("filler");
        let mut file = File::options().create(true).append(true).open(&filler);
        loop {
            let written = match &mut file {
                Ok(file) => file.write(&[0; 4096]),
                Err(error) => panic!("cannot fill the small disk: {error}"),
            };
            match written {
                Ok(_) => assert!(start.elapsed() < Duration::from_secs(30), "the small disk is never full"),
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return,
                Err(error) => panic!("cannot fill the small disk: {error}"),
            }
        }
    }

    /// Gives back the room that [`Self::fill`] took.
    #[track_caller]
    pub fn free(&self) {
        if let Err(error) = fs::remove_file(self.path().join("filler")) {
            panic!("cannot free the small disk: {error}");
        }
    }
}

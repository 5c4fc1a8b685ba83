//! A child process that never outlives its test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::wait::wait_for;

/// What can be sent to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: a server reads its configuration again.
    Hangup,
    /// SIGINT, as by ctrl-C.
    Interrupt,
    /// SIGTERM: the request to stop.
    Terminate,
    /// SIGQUIT, as by ctrl-\\.
    Quit,
    /// SIGUSR1.
    User1,
    /// SIGUSR2.
    User2,
    /// SIGKILL: the end, without a chance to do anything.
    Kill,
    /// SIGSTOP: freezes the process until [`Signal::Continue`].
    Stop,
    /// SIGCONT.
    Continue,
}

impl From<Signal> for rustix::process::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Hangup => Self::HUP,
            Signal::Interrupt => Self::INT,
            Signal::Terminate => Self::TERM,
            Signal::Quit => Self::QUIT,
            Signal::User1 => Self::USR1,
            Signal::User2 => Self::USR2,
            Signal::Kill => Self::KILL,
            Signal::Stop => Self::STOP,
            Signal::Continue => Self::CONT,
        }
    }
}

/// A running process with its output in a file. Dropping it kills it, by its own id; when a test fails, the end of its
/// output is shown.
///
/// A second process watches over the first: it reads a pipe that only the test's process holds, and kills the first when that
/// pipe closes, however the test's process ended. (Linux's own parent-death signal would be shorter, but it comes when the
/// starting *thread* ends, and every test is a thread.)
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    watchdog: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the command with no input, its output and errors going to the file.
    ///
    /// # Panics
    ///
    /// When it can't be started.
    #[track_caller]
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let opened = File::options().create(true).append(true).open(log).and_then(|file| Ok((file.try_clone()?, file)));
        let (stdout, stderr) = opened.unwrap_or_else(|error| panic!("cannot write {}: {error}", log.display()));
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        let watchdog = watch(&child);
        Self { name: name.to_owned(), child, watchdog, log: log.to_owned() }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// How it ended; `None` while it runs.
    #[track_caller]
    pub fn exited(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().unwrap_or_else(|error| panic!("cannot wait for {}: {error}", self.name));
        if status.is_some() {
            // From here on its id may be another process's.
            end(&mut self.watchdog);
        }
        status
    }

    /// Sends a signal; does nothing when the process has ended.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        if self.exited().is_some() {
            return;
        }
        let Some(pid) = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw) else {
            panic!("{} has no usable process id", self.name);
        };
        if let Err(error) = rustix::process::kill_process(pid, signal.into()) {
            panic!("cannot send {signal:?} to {}: {error}", self.name);
        }
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    ///
    /// When it still runs at the deadline.
    #[track_caller]
    pub fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        let what = format!("{} to exit", self.name);
        wait_for(deadline, &what, || self.exited().ok_or_else(|| "it still runs".to_owned()))
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        end(&mut self.watchdog);
        end(&mut self.child);
    }

    fn last_lines(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("--- the last lines of {} ---\n{}\n---", self.name, self.last_lines());
        }
    }
}

/// Kills and reaps a child. Both fail only when that has happened already.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

#[track_caller]
fn watch(child: &Child) -> Child {
    Command::new("sh")
        .args(["-c", "trap '' INT TERM HUP; read -r _; kill -KILL \"$0\"", &child.id().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start sh: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;
    use crate::wait::wait_until;

    fn sleeper(log: &Path) -> Process {
        Process::start("sleep", Command::new("sleep").arg("600"), log)
    }

    #[test]
    fn a_signal_reaches_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = sleeper(&folder.path().join("log"));
        assert_eq!(process.exited(), None);
        process.signal(Signal::Terminate);
        assert_eq!(process.wait_exit(Duration::from_secs(5)).signal(), Some(15));
        process.signal(Signal::Kill);
    }

    #[test]
    fn the_output_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 7"]);
        let mut process = Process::start("sh", &mut command, &folder.path().join("log"));
        assert_eq!(process.wait_exit(Duration::from_secs(5)).code(), Some(7));
        assert_eq!(process.log(), "out\nerr\n");
    }

    #[test]
    fn dropping_it_kills_it() {
        let folder = tempfile::tempdir().unwrap();
        let process = sleeper(&folder.path().join("log"));
        let proc = PathBuf::from(format!("/proc/{}", process.pid()));
        drop(process);
        assert!(!proc.exists());
    }

    #[test]
    fn it_dies_when_the_pipe_of_its_watchdog_closes() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = sleeper(&folder.path().join("log"));
        drop(process.watchdog.stdin.take());
        wait_until(Duration::from_secs(5), "the watchdog to kill the process", || process.exited().is_some());
    }
}

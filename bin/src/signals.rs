//! Signals: the first asks for a graceful stop, a later one ends the process at once, and those that mean nothing here are ignored.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;
use crate::stderr;

/// A signal that comes this soon after the first is the same wish: `timeout` sends SIGTERM to the process and once more to its group, and
/// supervisors and shells send SIGTERM and SIGINT one behind the other.
const SAME_WISH: Duration = Duration::from_secs(1);

/// The signals of a process that runs, from the moment this exists.
#[derive(Debug)]
pub struct Signals {
    stopping: Vec<Named>,
    ignored: Vec<Named>,
}

#[derive(Debug)]
struct Named {
    name: &'static str,
    signal: Signal,
}

/// Tells that a graceful stop is asked for. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Signals {
    /// Takes the signals over. Call it before anything that takes time, so that no signal kills a half-started process.
    ///
    /// # Errors
    ///
    /// When the operating system refuses a handler.
    pub fn listen() -> io::Result<Self> {
        let named = |(name, kind)| signal(kind).map(|signal| Named { name, signal });
        let stopping = [
            ("SIGTERM", SignalKind::terminate()),
            ("SIGINT", SignalKind::interrupt()),
            ("SIGQUIT", SignalKind::quit()),
        ];
        // They would kill the process, with all that it holds, though who sends them wants a reload, a new log file or a dump.
        let ignored = [
            ("SIGHUP", SignalKind::hangup()),
            ("SIGUSR1", SignalKind::user_defined1()),
            ("SIGUSR2", SignalKind::user_defined2()),
        ];
        Ok(Signals {
            stopping: stopping.into_iter().map(named).collect::<io::Result<_>>()?,
            ignored: ignored.into_iter().map(named).collect::<io::Result<_>>()?,
        })
    }

    /// Waits for the signals in the background. A second wish to stop exits with code 1: what is un-acked then is delivered
    /// again, so nothing is lost by it.
    pub fn watch(self) -> Shutdown {
        let (ask, asked) = watch::channel(false);
        let Signals { mut stopping, mut ignored } = self;
        tokio::spawn(async move {
            loop {
                let name = next(&mut ignored).await;
                tracing::warn!(
                    signal = name,
                    "ignored: settings are read at the start alone, and logs go to standard error"
                );
            }
        });
        tokio::spawn(async move {
            let name = next(&mut stopping).await;
            let first = Instant::now();
            ask.send_replace(true);
            tracing::info!(signal = name, "stopping; a second signal exits at once, from a second after this one on");
            let name = loop {
                let name = next(&mut stopping).await;
                if first.elapsed() >= SAME_WISH {
                    break name;
                }
                tracing::info!(signal = name, "taken for the same wish to stop, so soon after the first");
            };
            tracing::warn!(signal = name, "second signal: exiting at once");
            stderr::flush();
            std::process::exit(i32::from(Exit::Error.code()));
        });
        Shutdown(asked)
    }
}

/// The name of the next signal that comes, of these.
async fn next(signals: &mut [Named]) -> &'static str {
    poll_fn(|context| {
        let came =
            signals.iter_mut().find_map(|named| named.signal.poll_recv(context).is_ready().then_some(named.name));
        came.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

impl Shutdown {
    /// Returns once a stop is asked for, at once if it has been.
    pub async fn requested(mut self) {
        // An error means that nobody watches for signals any more. A sink that can't be stopped well had better stop.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

//! Signals: the first asks for a graceful stop, the second ends the process at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;

/// SIGTERM and SIGINT, from the moment this exists.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
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
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the signals in the background. A second one exits with code 1: what is un-acked then is delivered
    /// again, so nothing is lost by it.
    pub fn watch(mut self) -> Shutdown {
        let (ask, asked) = watch::channel(false);
        tokio::spawn(async move {
            let name = self.next().await;
            ask.send_replace(true);
            tracing::info!(signal = name, "stopping; a second signal exits at once");
            let name = self.next().await;
            tracing::warn!(signal = name, "second signal: exiting at once");
            std::process::exit(i32::from(Exit::Error.code()));
        });
        Shutdown(asked)
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

impl Shutdown {
    /// Returns once a stop is asked for, at once if it has been.
    pub async fn requested(mut self) {
        // An error means that nobody watches for signals any more. A sink that can't be stopped well had better stop.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

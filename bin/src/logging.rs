//! Log lines, to [standard error](crate::stderr).

use std::io::{self, IsTerminal, Write};
use std::{panic, thread};

use tracing::Subscriber;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;

use crate::settings::{LogFormat, Observability};
use crate::stderr;

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter that the settings let pass is refused.
    #[error("observability.log_level: {0}")]
    Filter(#[from] ParseError),
    /// The process logs already.
    #[error("logging is already set up: {0}")]
    AlreadySet(#[from] SetGlobalDefaultError),
}

/// Sends the log lines that the settings ask for to standard error, for the whole process. A panic is a log line too: the standard
/// library's own message would wait for a reader that stalls.
///
/// # Errors
///
/// When the process logs already.
pub fn start(settings: &Observability) -> Result<(), LoggingError> {
    let subscriber = subscriber(settings, || Stderr, io::stderr().is_terminal())?;
    tracing::subscriber::set_global_default(subscriber)?;
    panic::set_hook(Box::new(|panic| {
        let (place, thread) = (panic.location().map(ToString::to_string), thread::current());
        let (reason, thread) = (panic.payload_as_str().unwrap_or_default(), thread.name().unwrap_or_default());
        tracing::error!(place, thread, reason, "a thread panicked, which is a bug: please report it");
    }));
    Ok(())
}

/// What the subscriber writes each of its lines to, whole.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        stderr::push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type BoxedSubscriber = Box<dyn Subscriber + Send + Sync>;

fn subscriber<W>(settings: &Observability, writer: W, colours: bool) -> Result<BoxedSubscriber, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(settings.log_level.as_str())?;
    // A line that can't be written is dropped. To report it on standard error, which is what can't be written to, would panic.
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).log_internal_errors(false);
    Ok(match settings.log_format {
        LogFormat::Json => Box::new(lines.json().flatten_event(true).with_current_span(false).finish()),
        LogFormat::Text => Box::new(lines.with_ansi(colours).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::settings::Settings;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(section: &str, log: impl FnOnce()) -> String {
        let text = format!("[observability]\n{section}");
        let settings = Settings::parse(Path::new("t.toml"), &text, []).unwrap().observability;
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(&settings, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_have_their_fields_at_the_top() {
        let text = logged("", || {
            tracing::info!(rows = 3, "file written");
            tracing::debug!("left out");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "file written");
        assert_eq!(line["rows"], 3);
        assert_eq!(line["level"], "INFO");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    }

    #[test]
    fn directives_raise_and_lower_single_modules() {
        let text = logged("log_level = \"warn,chatty=off,curious=debug\"\nlog_format = \"text\"", || {
            tracing::warn!(target: "chatty", "one");
            tracing::debug!(target: "curious", "two");
            tracing::info!("three");
            tracing::warn!("four");
        });
        let seen = ["one", "two", "three", "four"].map(|word| text.contains(word));
        assert_eq!(seen, [false, true, false, true], "{text}");
    }
}

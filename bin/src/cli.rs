//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::exit::{Exit, complain};
use crate::generate::{self, Generate};
use crate::inspect::Inspect;
use crate::replay::Replay;
use crate::run;
use crate::settings::Settings;

/// Moves events from NATS JetStream into Parquet on object storage, without losing one.
///
/// A message is acked only after the file that holds it is durably written.
#[derive(Debug, Parser)]
#[command(name = "warehouse-sink", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Every setting and its environment variable: docs/configuration.md\n\
    Exit codes: 0 a clean stop, 1 an error, 2 bad usage or settings, 3 a shutdown that ran out of time,\n\
    4 an audit that could not judge enough")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the sink until SIGTERM, SIGINT or SIGQUIT
    ///
    /// The first signal stops it gracefully: it flushes, waits for writes until shutdown.timeout, and gives back the
    /// rest. A second one ends it at once, unless it comes within a second. SIGHUP, SIGUSR1 and SIGUSR2 are ignored.
    #[command(after_help = "Example:\n  warehouse-sink run --config sink.toml\n  \
        WAREHOUSE_SINK__BATCH__FLUSH_INTERVAL=30s warehouse-sink run --config sink.toml")]
    Run(Config),
    /// Check the settings, the stream, the consumer and that the store takes a write
    ///
    /// Changes nothing that stays.
    #[command(after_help = "Example:\n  warehouse-sink check --config sink.toml")]
    Check(Config),
    /// List what is stored, and find what is missing or there twice
    ///
    /// Reads the footers and the stream sequences of all files, and asks the stream what should be there. Changes nothing.
    #[command(after_help = "Example:\n  warehouse-sink inspect --config sink.toml\n  \
        warehouse-sink inspect --config sink.toml --summary --output json\n\n\
        Exit codes: 0 complete, 1 something is missing, stored twice or unreadable, or an error, 2 bad usage or settings,\n\
        4 nothing wrong was found, but not all could be judged\n\
        What it judges and what it can't: docs/audit.md")]
    Inspect(Inspect),
    /// Put dead letters back into the stream, once the decoder takes them
    ///
    /// Decodes each first, and publishes those that are taken now, byte for byte, to the subject that they came from. Dead letters stay
    /// where they are; one that the stream has a replay of is not replayed again.
    #[command(after_help = "Example:\n  warehouse-sink replay --config sink.toml --dry-run\n  \
        warehouse-sink replay --config sink.toml --reason 'usable time' --since 2026-01-31T12:00:00Z --output json\n\n\
        Exit codes: 0 all that was to be replayed is in the stream, 1 something is not, or an error, 2 bad usage or settings\n\
        More: docs/audit.md")]
    Replay(Replay),
    /// Publish made-up events, to try the sink or to load it
    ///
    /// The same seed gives the same events. Every publish is confirmed by the server before it counts.
    #[command(after_help = "Example:\n  warehouse-sink generate --create-stream --count 200000 --poison-every 1000")]
    Generate(Generate),
}

/// Where the settings are.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// The settings file; without it, defaults and the environment count
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Parses the command line and does what it says.
pub fn main() -> Exit {
    match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) => {
            // Help and the version come this way too, without being errors. Nothing is left to do if they can't be printed.
            let _ = error.print();
            if error.use_stderr() { Exit::Usage } else { Exit::Clean }
        }
    }
}

impl Cli {
    fn run(self) -> Exit {
        match self.command {
            Command::Run(config) => with_settings(&config, run::run),
            Command::Check(config) => with_settings(&config, run::check),
            Command::Inspect(arguments) => {
                with_settings(&arguments.config, |settings| run::inspect(settings, &arguments))
            }
            Command::Replay(arguments) => {
                with_settings(&arguments.config, |settings| run::replay(settings, &arguments))
            }
            Command::Generate(arguments) => generate::generate(&arguments),
        }
    }
}

fn with_settings(config: &Config, command: impl FnOnce(&Settings) -> Exit) -> Exit {
    match Settings::load(config.config.as_deref(), std::env::vars_os()) {
        Ok(settings) => command(&settings),
        Err(error) => {
            complain(error);
            Exit::Usage
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

//! The command line.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, CommandFactory, Parser, Subcommand, error::ErrorKind};

/// What `bouncer` is asked to do.
#[derive(Parser)]
#[command(
    name = "bouncer",
    version,
    about = "A server for authenticated WebSockets"
)]
pub struct Arguments {
    /// The configuration file, before or after the command.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Runs the server (what happens without a command).
    Serve,
    /// Prints a token for trying things out. Needs `auth.secret_env` in the configuration.
    Token(Token),
    /// Checks the configuration with its files, keys and secrets. Nothing is served, fetched or written.
    CheckConfig,
    /// Prints a configuration file with all keys and their defaults.
    DefaultConfig,
}

/// What the token shall say.
#[derive(Args)]
pub struct Token {
    /// The id of the user.
    #[arg(long)]
    pub user: String,
    /// How long the token is valid.
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    ttl_seconds: u64,
}

impl Token {
    /// How long the token is valid.
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(self.ttl_seconds)
    }
}

impl Arguments {
    /// The command, which is `serve` when none is given.
    pub fn command(&self) -> &Command {
        self.command.as_ref().unwrap_or(&Command::Serve)
    }

    /// The configuration file. Ends the process as `clap` does when none is given, because an argument that
    /// is good for all commands cannot be a required one.
    pub fn config(&self) -> &Path {
        self.config.as_deref().unwrap_or_else(|| {
            let reason =
                "--config <FILE> is required: `bouncer default-config` prints one to start from";
            <Self as CommandFactory>::command()
                .error(ErrorKind::MissingRequiredArgument, reason)
                .exit()
        })
    }
}

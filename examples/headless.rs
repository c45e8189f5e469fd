//! A headless game server with an operator's API: something to start a game from.
//!
//! ```text
//! headless --config server.toml                                  runs the server
//! headless token --config server.toml --user player-1            prints a token to try it with
//! ```
//!
//! What a player writes goes to everybody as `{"from":{"id","name"},"text"}`, or back to the player
//! with `echo = true`. SIGTERM drains the server as `[drain]` says: nobody new comes in, players are told
//! batch by batch when to come back, and it exits with 0 when they have left, at once when nobody is in.
//! SIGINT (Ctrl-C) says good-bye to everybody at once and exits with 0. A second signal does not wait for
//! anybody. With TLS, SIGHUP loads the certificate anew. Exit code 2 means that the configuration cannot be
//! used, 1 that the machine did not go along.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

use config::Settings;
use problem::Problem;

#[cfg(feature = "redis")]
#[path = "headless/cluster.rs"]
mod cluster;
#[path = "headless/config.rs"]
mod config;
#[path = "headless/file.rs"]
mod file;
#[path = "headless/game.rs"]
mod game;
#[path = "headless/players.rs"]
mod players;
#[path = "headless/problem.rs"]
mod problem;
#[cfg(unix)]
#[path = "headless/reload.rs"]
mod reload;
#[path = "headless/secret.rs"]
mod secret;
#[path = "headless/server.rs"]
mod server;
#[path = "headless/shape.rs"]
mod shape;
#[path = "headless/stop.rs"]
mod stop;
#[path = "headless/token.rs"]
mod token;

#[derive(Parser)]
#[command(about = "A headless game server with authenticated WebSockets")]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    /// The configuration file.
    #[arg(long, required = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Prints a token for trying things out. Needs `auth.secret_env` in the configuration.
    Token {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
        /// The id of the user.
        #[arg(long)]
        user: String,
        /// How long the token is valid.
        #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        ttl_seconds: u64,
    },
}

fn main() -> ExitCode {
    run(Arguments::parse()).unwrap_or_else(|problem| {
        eprintln!("error: {problem}");
        problem.exit_code()
    })
}

fn run(arguments: Arguments) -> Result<ExitCode, Problem> {
    match (arguments.command, arguments.config) {
        (
            Some(Command::Token {
                config,
                user,
                ttl_seconds,
            }),
            _,
        ) => {
            let settings = Settings::read(&config)?;
            let lifetime = Duration::from_secs(ttl_seconds);
            println!("{}", token::issue(&settings.tokens, &user, lifetime)?);
            Ok(ExitCode::SUCCESS)
        }
        (None, Some(config)) => server::run(Settings::read(&config)?),
        (None, None) => Err(Problem::config("config", "is required")),
    }
}

//! `bouncer`: a server for authenticated WebSockets with an operator's API, ready to run from a
//! configuration file, and something to start a game from.
//!
//! ```text
//! bouncer --config server.toml                              runs the server (so does `serve`)
//! bouncer token --config server.toml --user player-1        prints a token to try it with
//! bouncer check-config --config server.toml                 says whether the file can be used
//! bouncer default-config                                    prints a file with all keys
//! ```
//!
//! What a player writes goes to everybody as `{"from":{"id","name"},"text"}`, or back to the player
//! with `echo = true`. SIGTERM drains the server as `[drain]` says: nobody new comes in, players are told
//! batch by batch when to come back, and it exits with 0 when they have left, at once when nobody is in.
//! SIGINT (Ctrl-C) closes everybody at once with 1001 and exits with 0. A second signal exits at once. With TLS,
//! SIGHUP loads the certificate anew. Exit code 2 means that the configuration or the command line cannot be
//! used, 1 that the machine did not go along, or that something which was decided is not stored at the end.

use std::process::ExitCode;

use clap::Parser;

use crate::{
    command_line::{Arguments, Command},
    config::Settings,
    problem::Problem,
};

mod check;
mod cluster;
mod command_line;
mod config;
mod file;
mod game;
mod players;
mod problem;
#[cfg(unix)]
mod reload;
mod secret;
mod server;
mod stop;
mod token;

fn main() -> ExitCode {
    run(&Arguments::parse()).unwrap_or_else(|problem| {
        eprintln!("error: {problem}");
        problem.exit_code()
    })
}

fn run(arguments: &Arguments) -> Result<ExitCode, Problem> {
    match arguments.command() {
        Command::Serve => return server::run(Settings::read(arguments.config())?),
        Command::Token(wanted) => {
            let settings = Settings::read(arguments.config())?;
            let token = token::issue(&settings.tokens, &wanted.user, wanted.lifetime())?;
            println!("{token}");
        }
        Command::CheckConfig => {
            let file = arguments.config();
            check::check(Settings::read(file)?)?;
            println!("ok: {} can be used", file.display());
        }
        Command::DefaultConfig => print!("{}", config::DEFAULT),
    }
    Ok(ExitCode::SUCCESS)
}

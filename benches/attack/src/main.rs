//! Attacks a server and prints in Markdown what it cost the server and its good players.

use std::{env, error::Error, time::Duration};

mod client;
mod crowd;
mod floods;
mod knocking;
mod logins;
mod machine;
mod players;
mod server;
mod silent;
mod statistics;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long each attack goes on.
#[derive(Debug, Clone, Copy)]
struct Effort {
    rounds: usize,
    /// Of each half of a round: quiet, then under attack.
    half: Duration,
}

fn main() -> Outcome<()> {
    let mut effort = Effort {
        rounds: 3,
        half: Duration::from_secs(14),
    };
    let mut only = String::from("silent,floods,logins");
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => {
                effort = Effort {
                    rounds: 1,
                    // Whoever is over the rate is cut after 10 s.
                    half: Duration::from_secs(11),
                }
            }
            "--only" => only = arguments.next().ok_or("--only needs a list")?,
            other => return Err(format!("what is {other}?").into()),
        }
    }
    println!(
        "{}\n",
        if machine::share() {
            "The server has core 0, its players and attackers core 1 of two."
        } else {
            "The server shares all cores with its players and attackers."
        }
    );
    for part in only.split(',') {
        match part {
            "silent" => silent::run()?,
            "floods" => floods::run(effort)?,
            "logins" => logins::run(effort)?,
            other => return Err(format!("there is no part {other}").into()),
        }
    }
    Ok(())
}

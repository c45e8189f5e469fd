//! What the small examples need to be tried out on one machine: a secret of this run, and for each player
//! a token in the command that connects with it. `minimal.rs` shows the same step by step.
#![allow(dead_code, reason = "each example uses its part")]

use std::{env, error::Error, net::SocketAddr};

use bevy_bouncer::{JwtAuthenticator, TokenIssuer, User};

/// Where to listen: the first argument of the command line, or the port that the documents name.
pub fn address() -> String {
    env::args().nth(1).unwrap_or("127.0.0.1:9000".into())
}

/// Random bytes that nobody else knows.
pub fn secret() -> Result<[u8; 32], getrandom::Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}

/// The rules for tokens that are signed with the secret.
pub fn rules(secret: [u8; 32]) -> Result<JwtAuthenticator, Box<dyn Error>> {
    Ok(JwtAuthenticator::hs256(secret)?.audience("game"))
}

/// Prints for each player the command that connects it.
pub fn print_commands(
    secret: [u8; 32],
    address: SocketAddr,
    players: &[User],
) -> Result<(), Box<dyn Error>> {
    let issuer = TokenIssuer::hs256(secret)?.audience("game");
    for player in players {
        print_command(player.name(), address, &issuer.issue(player.id())?);
    }
    Ok(())
}

/// The same for players who speak the chat's language.
pub fn print_chat_commands(
    secret: [u8; 32],
    address: SocketAddr,
    players: &[User],
) -> Result<(), Box<dyn Error>> {
    let issuer = TokenIssuer::hs256(secret)?.audience("game");
    for player in players {
        let token = issuer.issue(player.id())?;
        print_command(player.name(), address, &format!("{token} bouncer.v1"));
    }
    Ok(())
}

/// Prints the command that connects with this token.
pub fn print_command(name: &str, address: SocketAddr, token: &str) {
    println!("# as {name}\ncargo run --example client -- ws://{address}/ws {token}\n");
}

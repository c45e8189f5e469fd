//! `check-config`: everything that can be checked without serving. Nothing is written, fetched or connected,
//! and the addresses of the configuration stay free.

use std::{net::SocketAddr, path::Path};

use bevy_bouncer::{Bouncer, BouncerPlugin, MapDirectory};

use crate::{
    cluster,
    config::{Settings, admin::AdminSettings, users::UserSource},
    players,
    problem::Problem,
    server,
};

/// An address that is nobody's, with a port of the system's choice.
const ELSEWHERE: &str = "127.0.0.1:0";

/// Checks what the settings name: keys, secrets, certificate, folders of databases, and the operator's token.
pub fn check(settings: Settings) -> Result<(), Problem> {
    if let UserSource::Sqlite(file) = &settings.users {
        database("users.sqlite", file)?;
    }
    if let Some(file) = &settings.revocations {
        database("revocations.sqlite", file)?;
    }
    let tokens = players::verifier(settings.tokens)?;
    let mut game = settings.door;
    game.listen = ELSEWHERE.to_owned();
    let mut door = BouncerPlugin::bind(game, tokens.users(MapDirectory::new([])))
        .map_err(server::door_problem)?;
    if let Some(settings) = &settings.cluster {
        door = cluster::join(door, settings)?;
    }
    if let Some(admin) = settings.admin {
        operator(admin, door.bouncer())?;
    }
    Ok(())
}

/// A database may be missing, and is made when the server starts; its folder may not.
fn database(field: &str, file: &Path) -> Result<(), Problem> {
    let folder = file.parent().filter(|path| !path.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Problem::runtime(
            field,
            format!("{} is not a folder", folder.display()),
        ));
    }
    if file.is_dir() {
        return Err(Problem::runtime(
            field,
            format!("{} is a folder", file.display()),
        ));
    }
    Ok(())
}

/// An address that may not be used is refused before it is bound. Any other one is left alone.
fn operator(mut settings: AdminSettings, bouncer: Bouncer) -> Result<(), Problem> {
    let is_local = |address: SocketAddr| address.ip().to_canonical().is_loopback();
    if settings.allow_plaintext || settings.listen.parse().is_ok_and(is_local) {
        settings.listen = ELSEWHERE.to_owned();
    }
    server::bind_admin(&settings, bouncer).map(drop)
}

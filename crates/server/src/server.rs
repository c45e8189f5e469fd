//! From the settings to a running server.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use bevy::{app::ScheduleRunnerPlugin, log::LogPlugin, prelude::*};
use bevy_bouncer::{
    AdminError, AdminPlugin, Bouncer, BouncerError, BouncerPlugin, SqliteRevocations,
};

use crate::{
    cluster,
    config::{Settings, admin::AdminSettings},
    game, players,
    problem::Problem,
    secret,
    stop::StopPlugin,
};

/// Runs until a signal comes.
pub fn run(settings: Settings) -> Result<ExitCode, Problem> {
    let stop = StopPlugin::new(settings.drain.clone())?;
    #[cfg(unix)]
    let has_tls = settings.door.tls.is_some();
    let subprotocols = settings.door.subprotocols.clone();
    let authenticator = players::authenticator(settings.tokens, settings.users)?;
    let mut door = BouncerPlugin::bind(settings.door, authenticator).map_err(door_problem)?;
    if let Some(file) = &settings.revocations {
        let store = SqliteRevocations::open(file)
            .map_err(|error| Problem::runtime("revocations.sqlite", error))?;
        door = door.revocations(store).map_err(door_problem)?;
    }
    if let Some(settings) = &settings.cluster {
        door = cluster::join(door, settings)?;
    }
    let admin = match &settings.admin {
        Some(admin) => Some(bind_admin(admin, door.bouncer())?.drain(settings.drain)),
        None => None,
    };

    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins.set(ScheduleRunnerPlugin::run_loop(settings.tick)),
        log(),
        stop,
    ));
    info!("listening on {}", door.local_addr());
    #[cfg(unix)]
    if has_tls {
        crate::reload::on_hang_up(door.bouncer())?;
        info!("TLS is on; SIGHUP loads the certificate anew");
    }
    if settings.revocations.is_none() && settings.cluster.is_none() {
        warn!("revocations are kept in memory only and end with this process");
    }
    app.add_plugins(door);
    if let Some(admin) = admin {
        info!("admin API listening on {}", admin.local_addr());
        app.add_plugins(admin);
    }
    game::add_to(&mut app, settings.echo, &subprotocols);
    Ok(match app.run() {
        AppExit::Success => ExitCode::SUCCESS,
        AppExit::Error(code) => ExitCode::from(code.get()),
    })
}

/// To stderr, at `info` unless `RUST_LOG` says otherwise, and in colour only for a person.
fn log() -> LogPlugin {
    LogPlugin {
        fmt_layer: |_| {
            let layer = tracing_subscriber::fmt::layer()
                .with_ansi(io::stderr().is_terminal())
                .with_writer(io::stderr);
            Some(Box::new(layer))
        },
        ..LogPlugin::default()
    }
}

/// Binds the address of the operator's API.
pub fn bind_admin(settings: &AdminSettings, bouncer: Bouncer) -> Result<AdminPlugin, Problem> {
    let token = secret::text("admin.token_env", &settings.token_env)?;
    let bound = if settings.allow_plaintext {
        AdminPlugin::bind_plaintext(&settings.listen, token, bouncer)
    } else {
        AdminPlugin::bind(&settings.listen, token, bouncer)
    };
    bound.map_err(|error| match error {
        AdminError::Token => Problem::config("admin.token_env", error),
        AdminError::Address | AdminError::GameAddress => Problem::config("admin.listen", error),
        AdminError::Plaintext(_) => Problem::config(
            "admin.listen",
            format!("{error}; admin.allow_plaintext = true allows that"),
        ),
        _ => Problem::runtime("admin.listen", error),
    })
}

/// With the field that it is about.
pub fn door_problem(error: BouncerError) -> Problem {
    match error {
        BouncerError::Config(error) => error.into(),
        BouncerError::Bind { address, source } => {
            Problem::runtime("listen", format!("cannot listen at {address}: {source}"))
        }
        BouncerError::Revocations(error) => Problem::runtime("revocations.sqlite", error),
        error => Problem::runtime("server", error),
    }
}

//! A lobby with accounts: sign-up and log-in, rooms, whispers, and moderators who mute, ban and let back
//! in. What was said is still there after a restart.
//!
//! ```sh
//! cargo run --example lobby
//! ```
//!
//! prints one URL; open it in two browsers. The first start makes a moderator's account and prints
//! its password. It serves this machine only, in plain HTTP: to let others in, put a proxy with TLS
//! in front, and take the address that log-ins are counted by from what the proxy says.
//!
//! - `lobby/listener.rs`, `site.rs`, `api.rs` and `accounts.rs` are the web side: a page, a log-in
//!   service and a database. They run on threads of their own.
//! - The game side is Bevy: the crate's chat, and `lobby/rooms.rs` with the rooms that there are.
//! - Between them stands the door. The web side hands out tokens (`lobby/gate.rs`), and asks the door whether it
//!   would take them; the door checks them before a player exists in the game.

use std::{
    error::Error,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bevy::{app::ScheduleRunnerPlugin, log::LogPlugin, prelude::*};
use bevy_bouncer::{
    Authenticator, BouncerConfig, BouncerError, BouncerPlugin, SqliteDirectory, SqliteRevocations,
};
use bevy_bouncer_chat::{ChatOptions, ChatPlugin, SUBPROTOCOL, SqliteChat};
use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::runtime::Runtime;

#[path = "lobby/accounts.rs"]
mod accounts;
#[path = "lobby/answer.rs"]
mod answer;
#[path = "lobby/api.rs"]
mod api;
#[path = "lobby/credentials.rs"]
mod credentials;
#[path = "lobby/data_directory.rs"]
mod data_directory;
#[path = "lobby/gate.rs"]
mod gate;
#[path = "lobby/listener.rs"]
mod listener;
#[path = "lobby/passwords.rs"]
mod passwords;
#[path = "lobby/random.rs"]
mod random;
#[path = "lobby/rate_limit.rs"]
mod rate_limit;
#[path = "lobby/removals.rs"]
mod removals;
#[path = "lobby/rooms.rs"]
mod rooms;
#[path = "lobby/site.rs"]
mod site;
#[path = "lobby/start_error.rs"]
mod start_error;
#[path = "lobby/throttle.rs"]
mod throttle;
#[path = "lobby/tokens.rs"]
mod tokens;

use accounts::{Accounts, MODERATOR};
use data_directory::DataDirectory;
use gate::Gate;
use passwords::Passwords;
use removals::Removals;
use start_error::StartError;
use tokens::Tokens;

/// Port of the WebSockets, when nothing else is asked for.
const DEFAULT_WS_PORT: u16 = 8081;
/// Most players at once.
const PLAYERS: usize = 2000;

/// A lobby with accounts, a chat and moderators.
#[derive(Parser)]
struct Options {
    /// Directory of the accounts, the revocations and the token key
    #[arg(long, default_value = "target/lobby-data")]
    data: PathBuf,
    /// Port of the web page [default: 8080, or a free one when that is in use]
    #[arg(long)]
    port: Option<u16>,
    /// Port of the WebSockets [default: 8081, or a free one when that is in use]
    #[arg(long)]
    ws_port: Option<u16>,
    /// Updates of the app per second
    #[arg(long, default_value_t = 30.0, value_parser = tick_hz)]
    tick_hz: f64,
    /// Seconds for which a log-in token is valid
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    token_seconds: u64,
}

fn tick_hz(text: &str) -> Result<f64, String> {
    let hz: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (1.0..=1000.0).contains(&hz) {
        Ok(hz)
    } else {
        Err("must be within 1 to 1000".to_owned())
    }
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(AppExit::Success) => ExitCode::SUCCESS,
        Ok(AppExit::Error(code)) => ExitCode::from(code.get()),
        Err(error) => {
            eprintln!("The lobby cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<AppExit, StartError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The first one asks, a second one insists.
        signal_hook::flag::register_conditional_shutdown(signal, 1, stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }

    let data = DataDirectory::open(&options.data)?;
    let key = data.token_key()?;
    let in_accounts = |error: &dyn Error| StartError::path(&data.accounts(), error);
    let users = SqliteDirectory::open(data.accounts()).map_err(|error| in_accounts(&error))?;
    let revocations = SqliteRevocations::open(data.revocations())
        .map_err(|error| StartError::path(&data.revocations(), error))?;

    let web = Runtime::new()?;
    let page = web.block_on(listener::listen(options.port))?;
    let port = page.local_addr()?.port();
    let hosts = vec![format!("127.0.0.1:{port}"), format!("localhost:{port}")];

    let lifetime = Duration::from_secs(options.token_seconds);
    let open = |port| {
        let rules = tokens::rules(&key, lifetime).map_err(other)?;
        open_door(port, &hosts, rules.users(users.clone()), &revocations)
    };
    let door = match options.ws_port {
        Some(port) => open(port)?,
        // Always the same port if possible: a page that is open finds the lobby after a restart.
        None => open(DEFAULT_WS_PORT).or_else(|_| open(0))?,
    };

    let accounts = web.block_on(Accounts::open(users.clone(), &data.accounts()));
    let accounts = accounts.map_err(|error| in_accounts(&error))?;
    let passwords = Passwords::new().map_err(other)?;
    let password = web.block_on(first_moderator(&accounts, &passwords))?;
    let ws_authority = door.local_addr().to_string();
    let service = api::Service::new(
        accounts,
        passwords,
        Gate::new(door.bouncer(), Tokens::new(&key, lifetime).map_err(other)?),
        Removals::new(revocations),
        format!("ws://{ws_authority}/ws"),
    );
    let site = site::site(service.routes(), hosts, &ws_authority);
    let mut page = Some((page, site));
    let threads = web.handle().clone();
    // Now the door is open, and knows who is barred.
    let open_page = move || {
        let Some((page, site)) = page.take() else {
            return;
        };
        if let Some(password) = &password {
            println!(
                "Moderator account, shown only this once: name {MODERATOR}, password {password}"
            );
        }
        println!("Open http://127.0.0.1:{port}/");
        threads.spawn(listener::serve(page, site));
    };

    let archive =
        SqliteChat::open(data.chat()).map_err(|error| StartError::path(&data.chat(), error))?;
    let chat = ChatPlugin::new(ChatOptions::default()).map_err(other)?;
    let chat = chat.archive(archive);
    let tick = Duration::from_secs_f64(1.0 / options.tick_hz);
    let exit = App::new()
        .add_plugins((
            MinimalPlugins.set(ScheduleRunnerPlugin::run_loop(tick)),
            LogPlugin::default(),
            door,
            chat,
        ))
        .add_systems(Startup, (rooms::open, open_page).chain())
        .insert_resource(StopSignal(stop))
        .add_systems(Update, stop_when_asked)
        .run();
    web.shutdown_timeout(Duration::from_secs(1));
    Ok(exit)
}

fn other(error: impl Error + 'static) -> StartError {
    StartError::Other(error.into())
}

/// The door, for these users and for pages from these hosts.
fn open_door(
    port: u16,
    hosts: &[String],
    rules: impl Authenticator,
    revocations: &SqliteRevocations,
) -> Result<BouncerPlugin, StartError> {
    let mut config = BouncerConfig::new(format!("127.0.0.1:{port}"))
        .origins(hosts.iter().map(|host| format!("http://{host}")))
        .subprotocols([SUBPROTOCOL]);
    config.limits.connections = PLAYERS;
    let door = BouncerPlugin::bind(config, rules);
    let door = door.map_err(|error| match error {
        BouncerError::Bind { source, .. } => StartError::port("the WebSockets", port, source),
        other => StartError::Other(other.into()),
    })?;
    door.revocations(revocations.clone()).map_err(other)
}

/// Makes the moderator's account at the first start. Returns its password.
async fn first_moderator(
    accounts: &Accounts,
    passwords: &Passwords,
) -> Result<Option<String>, StartError> {
    if accounts
        .find_by_name(MODERATOR)
        .await
        .map_err(other)?
        .is_some()
    {
        return Ok(None);
    }
    let password = random::hex::<8>()?;
    let hash = passwords.hash(password.clone()).await.map_err(other)?;
    let made = accounts.create(MODERATOR, &hash, &[MODERATOR]).await;
    made.map_err(other)?;
    Ok(Some(password))
}

#[derive(Resource)]
struct StopSignal(Arc<AtomicBool>);

fn stop_when_asked(signal: Res<StopSignal>, mut exit: MessageWriter<AppExit>) {
    if signal.0.load(Ordering::Relaxed) {
        exit.write(AppExit::Success);
    }
}

//! Many players in many rooms: is anything lost, said twice or out of order, how long does it take until the last one has
//! heard it, and what does the frame pay?

mod player;
mod server;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use player::{Heard, Player};
use server::Server;
use tokio::sync::mpsc;

/// How long messages are said.
const TALK: Duration = Duration::from_secs(30);
/// How long the quiet before is measured.
const QUIET: Duration = Duration::from_secs(5);

/// A message that is on its way.
struct Message {
    said: Instant,
    last_heard: Instant,
    receivers: usize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<usize> = std::env::args()
        .skip(1)
        .map(|argument| argument.parse())
        .collect::<Result<_, _>>()?;
    let argument = |place: usize, default| arguments.get(place).copied().unwrap_or(default);
    let (players, rooms, rate) = (argument(0, 2000), argument(1, 50), argument(2, 200));
    println!(
        "{players} players in {rooms} rooms, {rate} messages a second for {TALK:?}; 60 ticks a second; two processes.\n"
    );
    println!(
        "| history kept in | heard / expected | twice or out of order | delay to the last receiver p50, ms | p99 | longest | update when quiet p50, µs | p99 | with chat p50 | p99 | more a tick, mean |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let file = std::env::temp_dir().join(format!("bouncer-chat-{}.db", std::process::id()));
    for file in [None, Some(file.as_path())] {
        let mut server = Server::start(rooms, file)?;
        let row = measure(&mut server, players, rooms, rate).await?;
        println!(
            "| {} | {row}",
            if file.is_some() { "SQLite" } else { "memory" }
        );
        drop(server);
        if let Some(file) = file {
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}

async fn measure(
    server: &mut Server,
    players: usize,
    rooms: usize,
    rate: usize,
) -> Result<String, Box<dyn std::error::Error>> {
    let (heard, mut all_heard) = mpsc::unbounded_channel::<Heard>();
    let mut crowd = Vec::new();
    for some in (0..players).collect::<Vec<_>>().chunks(64) {
        let joining = some.iter().map(|&number| {
            let room = format!("room-{}", number % rooms);
            Player::join(server.address, number, room, heard.clone())
        });
        for joined in futures_util::future::join_all(joining).await {
            crowd.push(joined?);
        }
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    while all_heard.try_recv().is_ok() {}
    server.report()?;
    tokio::time::sleep(QUIET).await;
    let quiet = server.report()?;

    // Each message of a room goes to all who are in it, also to the one who says it.
    let counting = tokio::spawn(async move {
        let mut messages: HashMap<usize, Message> = HashMap::new();
        let (mut count, mut wrong) = (0_u64, 0_u64);
        let mut last_of: HashMap<usize, u64> = HashMap::new();
        while let Some(heard) = all_heard.recv().await {
            count += 1;
            let last = last_of.insert(heard.player, heard.seq);
            wrong += u64::from(last.is_some_and(|last| last + 1 != heard.seq));
            let message = messages.entry(heard.number).or_insert(Message {
                said: heard.said,
                last_heard: heard.at,
                receivers: 0,
            });
            message.receivers += 1;
            message.last_heard = message.last_heard.max(heard.at);
        }
        (messages, count, wrong)
    });
    let begun = Instant::now();
    let mut pace = tokio::time::interval(Duration::from_secs(1) / rate as u32);
    let mut said = 0;
    while begun.elapsed() < TALK {
        pace.tick().await;
        // A prime, so that the rooms and the players take turns.
        crowd[said * 7919 % players].say(said).await;
        said += 1;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let busy = server.report()?;
    drop(crowd);
    drop(heard);
    let (messages, count, wrong) = counting.await?;
    let expected = (0..said).map(|number| {
        let room = number * 7919 % players % rooms;
        (room..players).step_by(rooms).count() as u64
    });
    let expected: u64 = expected.sum();
    let mut delays: Vec<_> = messages
        .values()
        .map(|message| (message.last_heard - message.said).as_secs_f64() * 1e3)
        .collect();
    delays.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| delays[((delays.len() - 1) as f64 * part) as usize];
    Ok(format!(
        "{count} / {expected} | {wrong} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} µs |",
        at(0.5),
        at(0.99),
        at(1.0),
        quiet.median,
        quiet.p99,
        busy.median,
        busy.p99,
        busy.mean - quiet.mean,
    ))
}

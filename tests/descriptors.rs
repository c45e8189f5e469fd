//! What strangers leave behind, and what happens when the process runs out of file descriptors. In a
//! process of its own, one test after the other: both are properties of the whole process.

#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use bevy_tokio_tasks::TokioTasksRuntime;
use support::*;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn tasks(game: &mut Game) -> usize {
    let runtime = game.world().resource::<TokioTasksRuntime>().runtime();
    runtime.metrics().num_alive_tasks()
}

#[test]
fn p01_ten_thousand_strangers_leave_no_entity_task_or_descriptor_behind() {
    let _one = ONE_AT_A_TIME.lock().unwrap();
    const ATTEMPTS: usize = 10_000;
    const THREADS: usize = 8;
    let mut game = Game::start();
    // Once somebody has been served, every task of the server runs.
    let mut client = game.join("player-1");
    game.run(|mut outbox: bevy_bouncer::Outbox| outbox.broadcast("hello").unwrap());
    game.tick();
    assert_eq!(client.hear(), Heard::Text("hello".into()));
    drop(client);
    game.until("an empty server", |game| {
        game.entities() == 0 && game.bouncer.occupied() == 0 && tasks(game) < 10
    });
    let before = (descriptors(), tasks(&mut game));
    let hooks = game.seen().hooks;
    let address = game.address;
    let strangers: Vec<_> = (0..THREADS)
        .map(|thread| {
            thread::spawn(move || {
                let requests = [
                    upgrade(&[]),
                    upgrade(&["Authorization: Bearer garbage"]),
                    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
                    "GET /ws HT".to_owned(),
                ];
                let mut answered = 0;
                for number in 0..ATTEMPTS / THREADS {
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    let request = &requests[(number + thread) % requests.len()];
                    stream.write_all(request.as_bytes()).unwrap();
                    let whole = request.ends_with("\r\n\r\n");
                    if whole {
                        let mut head = [0; 12];
                        stream.read_exact(&mut head).unwrap();
                        assert!(head.starts_with(b"HTTP/1.1 4"), "{head:?}");
                        answered += 1;
                    }
                    // A reset, so that no port waits for a minute.
                    socket2::SockRef::from(&stream)
                        .set_linger(Some(Duration::ZERO))
                        .unwrap();
                }
                answered
            })
        })
        .collect();
    let mut answered = 0;
    for stranger in strangers {
        while !stranger.is_finished() {
            game.tick();
            thread::sleep(Duration::from_millis(1));
        }
        answered += stranger.join().unwrap();
    }
    assert_eq!(answered, ATTEMPTS / 4 * 3);
    let deadline = Instant::now() + PATIENCE;
    while descriptors() > before.0 || tasks(&mut game) > before.1 {
        assert!(
            Instant::now() < deadline,
            "descriptors and tasks: {before:?} before, {:?} after",
            (descriptors(), tasks(&mut game))
        );
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(
        (game.entities(), game.seen().hooks, game.seen().arriving),
        (0, hooks, 1)
    );
    assert_eq!(game.bouncer.occupied(), 0);
}

#[test]
fn p11_running_out_of_descriptors_does_not_end_the_listener() {
    let _one = ONE_AT_A_TIME.lock().unwrap();
    let mut game = Game::start();
    let mut before = game.join("player-1");

    let used = descriptors();
    let limits = rlimit::getrlimit(rlimit::Resource::NOFILE).unwrap();
    rlimit::setrlimit(rlimit::Resource::NOFILE, used as u64 + 8, limits.1).unwrap();
    // Takes every descriptor that is left, and half of a connection with the last one.
    let mut taken = Vec::new();
    while let Ok(file) = fs::File::open("/dev/null") {
        taken.push(file);
    }
    drop(taken.pop());
    let waiting = TcpStream::connect(game.address).unwrap();
    // The listener fails to accept it, more than once, and goes on.
    thread::sleep(Duration::from_millis(300));
    game.run(|mut outbox: bevy_bouncer::Outbox| outbox.broadcast("still served").unwrap());
    game.tick();
    assert_eq!(before.hear(), Heard::Text("still served".into()));

    drop(taken);
    drop(waiting);
    rlimit::setrlimit(rlimit::Resource::NOFILE, limits.0, limits.1).unwrap();
    game.join("player-2");
    assert_eq!(game.entities(), 2);
}

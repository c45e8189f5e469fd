//! Plain tokio-tungstenite as it is usually used: a task and a channel for each connection, and a
//! flush after each message.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use peers::{
    Arguments, Broadcast, Command, Commands, Pace, SERVER_CORE, Usage, pin, raise_descriptor_limit,
    say,
};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::tungstenite::{Error, Message};

#[derive(Default)]
struct Shared {
    senders: Mutex<Vec<mpsc::UnboundedSender<Message>>>,
    written: AtomicUsize,
}

fn main() -> io::Result<()> {
    let broadcast = Broadcast::from(&Arguments::read());
    pin(SERVER_CORE);
    raise_descriptor_limit();
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        socket.listen(1024)
    })?;
    let commands = Commands::announce(listener.local_addr()?.port());
    let shared = Arc::<Shared>::default();
    runtime.spawn({
        let shared = shared.clone();
        async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    let shared = shared.clone();
                    tokio::spawn(async move {
                        // A client that leaves is no concern.
                        let _ = serve(stream, &shared).await;
                    });
                }
            }
        }
    });
    loop {
        match commands.wait(Duration::from_secs(1)) {
            Some(Command::Go) => say(&runtime.block_on(run(broadcast, &shared))),
            Some(Command::Quit) => return Ok(()),
            Some(Command::Frames) | None => {}
        }
    }
}

/// A tick begins once the one before is written.
async fn run(broadcast: Broadcast, shared: &Shared) -> serde_json::Value {
    let messages: Vec<Message> = broadcast.texts().into_iter().map(Message::text).collect();
    let start = Usage::now();
    let mut pace = Pace::new(broadcast.period);
    for tick in 0..broadcast.ticks {
        let due = tick * broadcast.connections * broadcast.messages;
        while shared.written.load(Ordering::Relaxed) < due {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(pace.remaining()).await;
        for sender in shared.senders.lock().expect("no thread panics").iter() {
            for message in &messages {
                let _ = sender.send(message.clone());
            }
        }
    }
    while shared.written.load(Ordering::Relaxed) < broadcast.deliveries() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    broadcast.report(start)
}

async fn serve(stream: TcpStream, shared: &Shared) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    let (sender, mut messages) = mpsc::unbounded_channel();
    shared
        .senders
        .lock()
        .expect("no thread panics")
        .push(sender);
    loop {
        tokio::select! {
            message = messages.recv() => {
                let Some(message) = message else { return Ok(()) };
                socket.send(message).await?;
                shared.written.fetch_add(1, Ordering::Relaxed);
            }
            received = socket.next() => match received {
                Some(message) => drop(message?),
                None => return Ok(()),
            },
        }
    }
}

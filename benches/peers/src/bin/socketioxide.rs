//! socketioxide on axum, as its documentation shows it: the token is checked in a connect middleware,
//! a task of the runtime broadcasts with `io.emit`. Only the WebSocket transport.

use std::{io, sync::Arc, time::Duration};

use axum::{Router, http::header::AUTHORIZATION, serve::ListenerExt};
use peers::{
    Arguments, Broadcast, Command, Commands, Pace, SERVER_CORE, Tokens, Usage, pin,
    raise_descriptor_limit, say, wait_until_idle,
};
use socketioxide::{SocketIo, TransportType, extract::SocketRef, handler::ConnectHandler};
use tokio::{net::TcpSocket, runtime::Runtime};

fn main() -> io::Result<()> {
    let broadcast = Broadcast::from(&Arguments::read());
    pin(SERVER_CORE);
    raise_descriptor_limit();
    let runtime = Runtime::new()?;
    let (layer, io) = SocketIo::builder()
        .transports([TransportType::Websocket])
        .build_layer();
    let tokens = Arc::new(Tokens::default());
    let check = move |socket: SocketRef| {
        let tokens = tokens.clone();
        async move {
            let header = socket.req_parts().headers.get(AUTHORIZATION);
            let valid = tokens.accept(header.and_then(|value| value.to_str().ok()));
            valid.then_some(()).ok_or("unauthorized")
        }
    };
    io.ns("/", connected.with(check));
    let listener = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        socket.listen(1024)
    })?;
    let commands = Commands::announce(listener.local_addr()?.port());
    let listener = listener.tap_io(|stream| {
        // It is slower without, but it works.
        let _ = stream.set_nodelay(true);
    });
    runtime.spawn(async move { axum::serve(listener, Router::new().layer(layer)).await });
    loop {
        match commands.wait(Duration::from_secs(1)) {
            Some(Command::Go) => say(&run(&runtime, broadcast, &io)),
            Some(Command::Quit) => return Ok(()),
            _ => {}
        }
    }
}

async fn connected(_: SocketRef) {}

/// A tick begins once the one before is written.
fn run(runtime: &Runtime, broadcast: Broadcast, io: &SocketIo) -> serde_json::Value {
    let texts: Arc<[String]> = broadcast.texts().into();
    wait_until_idle();
    let start = Usage::now();
    let mut pace = Pace::new(broadcast.period);
    for _ in 0..broadcast.ticks {
        pace.sleep();
        let (io, texts) = (io.clone(), texts.clone());
        let tick = runtime.spawn(async move {
            for text in texts.iter() {
                io.emit("message", text)
                    .await
                    .expect("nobody is full or gone");
            }
        });
        runtime.block_on(tick).expect("no task panics");
        wait_until_idle();
    }
    broadcast.report(start)
}

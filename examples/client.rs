//! A client for the other examples: prints what the server says, and sends what you type, line by line.
//!
//! ```sh
//! cargo run --example client -- ws://127.0.0.1:9000/ws TOKEN
//! ```
//!
//! What follows the token is the subprotocol that it asks for. //! Each of the other examples prints this command with a token in it. The end of the input, Ctrl-D, ends
//! the session.

use std::{env, error::Error, io, thread};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(url), Some(token)) = (arguments.next(), arguments.next()) else {
        return Err("usage: client URL TOKEN".into());
    };
    let subprotocol = arguments.next();
    let mut request = url.into_client_request()?;
    let bearer = format!("Bearer {token}").parse()?;
    request.headers_mut().insert("Authorization", bearer);
    if let Some(subprotocol) = subprotocol {
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", subprotocol.parse()?);
    }

    // The token is checked before there is a WebSocket: the answer is a connection, or an HTTP error.
    let mut socket = match connect_async(request).await {
        Ok((socket, _)) => socket,
        Err(tungstenite::Error::Http(refusal)) => {
            let body = String::from_utf8_lossy(refusal.body().as_deref().unwrap_or_default());
            println!("refused: {} {body}", refusal.status());
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    println!("connected");

    let mut typed = typed_lines();
    loop {
        tokio::select! {
            line = typed.recv() => match line {
                Some(line) => socket.send(Message::text(line)).await?,
                None => return Ok(socket.close(None).await?),
            },
            received = socket.next() => match received.transpose()? {
                Some(Message::Text(text)) => println!("{text}"),
                Some(Message::Close(Some(end))) => println!("closed: {} {}", end.code, end.reason),
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}

/// A thread of its own reads the input, so that waiting for a line does not hold up the connection.
fn typed_lines() -> mpsc::UnboundedReceiver<String> {
    let (send, receive) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

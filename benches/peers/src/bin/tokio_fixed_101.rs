//! What accepting costs on the same runtime: a task for each socket reads the head and answers a fixed
//! 101 without looking at it. Does not broadcast.

use std::{io, time::Duration};

use peers::{Command, Commands, FIXED_101, SERVER_CORE, pin, raise_descriptor_limit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

fn main() -> io::Result<()> {
    pin(SERVER_CORE);
    raise_descriptor_limit();
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        socket.listen(1024)
    })?;
    let commands = Commands::announce(listener.local_addr()?.port());
    runtime.spawn(async move {
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    // A client that leaves is no concern.
                    let _ = serve(stream).await;
                });
            }
        }
    });
    while commands.wait(Duration::from_secs(1)) != Some(Command::Quit) {}
    Ok(())
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    stream.write_all(FIXED_101).await?;
    drop(head);
    let mut rest = [0; 16];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

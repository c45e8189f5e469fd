//! The floor: one `send` for each message and connection, or, with `--coalesce 1`, one for each tick
//! and connection. No protocol but a fixed 101.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use peers::{
    Arguments, Broadcast, Command, Commands, FIXED_101, Pace, SERVER_CORE, Usage, pin,
    raise_descriptor_limit, say,
};

type Sockets = Arc<Mutex<Vec<TcpStream>>>;

fn main() -> io::Result<()> {
    let arguments = Arguments::read();
    let broadcast = Broadcast::from(&arguments);
    let mut frames = broadcast.frames();
    if arguments.number("coalesce", 0) == 1 {
        frames = vec![frames.concat()];
    }
    pin(SERVER_CORE);
    raise_descriptor_limit();
    let listener = socket2::Socket::from(TcpListener::bind("127.0.0.1:0")?);
    listener.listen(1024)?;
    let listener = TcpListener::from(listener);
    let commands = Commands::announce(listener.local_addr()?.port());
    let sockets = Sockets::default();
    thread::spawn({
        let sockets = sockets.clone();
        move || accept(&listener, &sockets).expect("accepts")
    });
    loop {
        match commands.wait(Duration::from_secs(1)) {
            Some(Command::Go) => {
                let sockets = sockets.lock().expect("no thread panics");
                let start = Usage::now();
                let mut pace = Pace::new(broadcast.period);
                for _ in 0..broadcast.ticks {
                    pace.sleep();
                    for socket in sockets.iter() {
                        frames.iter().try_for_each(|frame| send(socket, frame))?;
                    }
                }
                say(&broadcast.report(start));
            }
            Some(Command::Quit) => return Ok(()),
            Some(Command::Frames) | None => {}
        }
    }
}

fn accept(listener: &TcpListener, sockets: &Sockets) -> io::Result<()> {
    let mut head = [0; 4096];
    loop {
        let (mut socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        let mut length = 0;
        while !head[..length].ends_with(b"\r\n\r\n") {
            match socket.read(&mut head[length..])? {
                0 => break,
                count => length += count,
            }
        }
        socket.write_all(FIXED_101)?;
        socket.set_nonblocking(true)?;
        sockets.lock().expect("no thread panics").push(socket);
    }
}

/// Waits when the buffer is full, which the size of the broadcast is chosen to avoid.
fn send(mut socket: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match socket.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

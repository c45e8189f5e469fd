//! A wire to a server, which can be cut.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// Passes connections on to a server for as long as the process lives.
#[derive(Clone)]
pub struct Wire {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    is_cut: bool,
    /// Both ends of each connection.
    ends: Vec<TcpStream>,
}

impl Wire {
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
        };
        let state = wire.state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // The server may have gone, and the client learns of it.
                let _ = pass_on(&state, client, server);
            }
        });
        wire
    }

    /// Whether it is cut from now on: then connections end, and new ones do at once.
    pub fn set_cut(&self, is_cut: bool) {
        let mut state = self.state.lock().unwrap();
        state.is_cut = is_cut;
        if is_cut {
            for end in state.ends.drain(..) {
                // It may have ended itself.
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }
}

fn pass_on(state: &Mutex<State>, client: TcpStream, server: SocketAddr) -> io::Result<()> {
    let mut state = state.lock().unwrap();
    if state.is_cut {
        return Ok(());
    }
    let server = TcpStream::connect(server)?;
    for end in [&client, &server] {
        end.set_nodelay(true)?;
        state.ends.push(end.try_clone()?);
    }
    for (mut from, mut to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

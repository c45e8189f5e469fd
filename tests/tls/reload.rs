//! The certificate is loaded anew while the server runs.

use std::io;

use bevy_bouncer::*;

use crate::{
    certificate::{Certificate, Files, secured},
    client::Offer,
    support::*,
};

/// The certificate that a new connection is shown.
#[track_caller]
fn shown(game: &mut Game, offer: &Offer) -> Vec<u8> {
    let (offer, address) = (offer.clone(), game.address);
    game.during(move || -> io::Result<Vec<u8>> {
        let line = offer.dial(address)?;
        Ok(line.conn.peer_certificates().unwrap()[0].to_vec())
    })
    .unwrap()
}

#[test]
fn new_handshakes_get_the_new_certificate_and_old_sessions_go_on() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let files = Files::of(&old);
    let mut game = secured(&files, |_| ());
    let offer = Offer::trusting([&old, &new]);
    let mut ann = offer.join(&mut game, "player-1");
    assert_eq!(shown(&mut game, &offer), old.der());

    files.show(&new);
    assert_eq!(shown(&mut game, &offer), old.der(), "not before the reload");
    game.bouncer.reload_tls().unwrap();
    assert_eq!(shown(&mut game, &offer), new.der());

    let mut ben = Offer::trusting([&new]).join(&mut game, "player-2");
    ann.send("still here");
    ben.send("here");
    game.until("both", |game| game.seen().frames.len() == 2);
    game.run(|mut outbox: Outbox| outbox.broadcast("all").unwrap());
    game.tick();
    assert_eq!(ann.hear(), Heard::Text("all".into()));
    assert_eq!(ben.hear(), Heard::Text("all".into()));
}

#[test]
fn a_bad_file_keeps_the_old_certificate() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let files = Files::of(&old);
    let mut game = secured(&files, |_| ());
    let offer = Offer::trusting([&old, &new]);
    for (name, text, field) in [
        ("cert.pem", "", "tls.cert_file"),
        ("key.pem", "not PEM", "tls.key_file"),
        ("key.pem", &new.key_pem(), "tls.key_file"),
    ] {
        files.show(&old);
        files.write(name, text);
        let error = game.bouncer.reload_tls().unwrap_err();
        assert_eq!(error.field, field, "{error}");
        assert_eq!(shown(&mut game, &offer), old.der());
    }
    files.show(&new);
    game.bouncer.reload_tls().unwrap();
    assert_eq!(shown(&mut game, &offer), new.der());
}

#[test]
fn without_tls_there_is_nothing_to_reload() {
    let game = Game::start();
    assert_eq!(game.bouncer.reload_tls().unwrap_err().field, "tls");
}

//! The server with a certificate, and with another one after SIGHUP.

use std::{net::TcpStream, sync::Arc, time::Duration};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::aws_lc_rs,
    pki_types::ServerName,
};
use tokio_tungstenite::tungstenite::{
    Message, WebSocket,
    client::{IntoClientRequest, client},
};

use crate::{
    config::config,
    process::{Bouncer, Folder},
};

type Player = WebSocket<StreamOwned<ClientConnection, TcpStream>>;

fn certificate() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

fn show(folder: &Folder, certificate: &CertifiedKey<KeyPair>) {
    folder.write("cert.pem", &certificate.cert.pem());
    folder.write("key.pem", &certificate.signing_key.serialize_pem());
}

/// Comes in over TLS, when the server shows this certificate.
fn join(
    server: &Bouncer,
    certificate: &CertifiedKey<KeyPair>,
    token: &str,
) -> Result<Player, String> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.cert.der().clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(server.game).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut request = format!("wss://localhost:{}/ws", server.game.port())
        .into_client_request()
        .unwrap();
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("Authorization", bearer);
    match client(request, StreamOwned::new(connection, socket)) {
        Ok((player, _)) => Ok(player),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn sighup_loads_the_certificate_anew_and_nobody_has_to_leave() {
    let (old, new) = (certificate(), certificate());
    let tls = "[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n[limits]";
    let with_tls = config("[limits]", tls).replacen("echo = false", "echo = true", 1);
    let folder = Folder::new(&with_tls);
    show(&folder, &old);
    let mut server = folder.start();
    server.logged("TLS is on");
    let mut ann = join(&server, &old, &folder.token("player-1")).unwrap();
    let ben = folder.token("player-2");
    assert!(join(&server, &new, &ben).is_err());

    folder.write("cert.pem", "not a certificate");
    server.signal("HUP");
    let complaint = server.logged("the old certificate stays");
    assert!(complaint.contains("tls.cert_file"), "{complaint}");
    drop(join(&server, &old, &ben).unwrap());

    show(&folder, &new);
    server.signal("HUP");
    server.logged("the certificate is loaded anew");
    let mut ben = join(&server, &new, &ben).unwrap();
    for player in [&mut ann, &mut ben] {
        player.send(Message::text("still here")).unwrap();
        assert_eq!(player.read().unwrap(), Message::text("still here"));
    }
    assert!(join(&server, &old, &folder.token("player-1")).is_err());
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0));
}

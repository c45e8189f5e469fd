//! What is refused before anything is served.

use std::net::TcpListener;

use bevy_bouncer::{AdminError, AdminPlugin, BouncerConfig, BouncerPlugin};

use crate::server::{TOKEN, Trusting};

#[test]
fn what_cannot_be_served_is_an_error_before_the_app_runs() {
    let door = BouncerPlugin::bind(BouncerConfig::new("127.0.0.1:0"), Trusting).unwrap();
    let bind = |address: &str, token: &str| AdminPlugin::bind(address, token, door.bouncer());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    assert!(matches!(bind(&taken, TOKEN), Err(AdminError::Bind { .. })));
    assert!(matches!(bind("localhost", TOKEN), Err(AdminError::Address)));
    assert!(matches!(
        bind(&door.local_addr().to_string(), TOKEN),
        Err(AdminError::GameAddress)
    ));
    for token in [
        "",
        "fifteen-bytes-x",
        "with a space in between",
        "ümlaut-in-the-token",
    ] {
        let error = bind("127.0.0.1:0", token).unwrap_err();
        assert!(matches!(error, AdminError::Token));
        assert!(token.is_empty() || !error.to_string().contains(token));
    }
    for public in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9006"] {
        let error = bind(public, TOKEN).unwrap_err();
        assert!(matches!(error, AdminError::Plaintext(_)), "{public}");
    }
    let everywhere = AdminPlugin::bind_plaintext("0.0.0.0:0", TOKEN, door.bouncer()).unwrap();
    assert!(everywhere.local_addr().ip().is_unspecified());
    let plugin = bind("127.0.0.1:0", TOKEN).unwrap();
    assert!(!format!("{plugin:?}").contains(TOKEN));
}

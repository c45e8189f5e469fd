//! The client wakes in a real browser, whatever the page does: the module alone, beside a socket that is none.

use serde_json::json;

use crate::{browser::Browser, page::*};

/// A client that has lost its connection and waits for half an hour and more. `sockets` are its attempts.
const WAITING: &str = "import('/client/index.js').then(({ Bouncer }) => {
    window.sockets = [];
    class Socket {
        readyState = 1;
        constructor() {
            sockets.push(this);
            setTimeout(() => {
                this.onopen();
                const reconnect = { first_ms: 3600000, longest_ms: 3600000 };
                const user = { id: 'u1', name: 'Ann', roles: [] };
                this.onmessage({ data: JSON.stringify({ op: 'hello', user, heartbeat_ms: 3600000, reconnect }) });
            });
        }
        send() {}
        close() {}
    }
    window.waiting = new Bouncer({ url: 'ws://127.0.0.1:1/ws', token: 't', WebSocket: Socket });
    waiting.on('state', ({ name }) => {
        if (name === 'online' && sockets.length === 1) sockets[0].onclose({ code: 4006, reason: 'overloaded' });
    });
    waiting.connect();
})";

fn expect_to_wake(browser: &Browser, wake: impl Fn()) {
    browser.evaluate_later(WAITING);
    browser.expect_value("waiting.state.name", "waiting");
    assert_eq!(browser.evaluate("sockets.length"), 1);
    wake();
    browser.expect_value("waiting.state.name", "online");
    assert_eq!(browser.evaluate("sockets.length"), 2);
    browser.evaluate("waiting.close()");
}

#[test]
fn a_client_that_waits_goes_on_when_the_page_or_its_network_is_back() {
    let Some(scene) = Scene::start() else { return };
    let browser = scene.open();
    let offline = |is_offline: bool| {
        let conditions = json!({
            "offline": is_offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        });
        browser.devtools("Network.enable", json!({}));
        browser.devtools("Network.emulateNetworkConditions", conditions);
        browser.expect_value("navigator.onLine", !is_offline);
    };
    // Loaded while there is a network.
    browser.evaluate_later("import('/client/index.js').then(() => 0)");
    expect_to_wake(&browser, || {
        offline(true);
        offline(false);
    });
    for event in [
        "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))",
        "document.dispatchEvent(new Event('visibilitychange'))",
    ] {
        expect_to_wake(&browser, || {
            browser.evaluate(event);
        });
    }
}

//! The web page: a few files that are part of the program, sent with strict headers.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::{Next, from_fn},
    response::IntoResponse,
    routing::get,
};

/// Longest request body in bytes.
const BODY_BYTES: usize = 4096;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! asset {
    ($name:literal) => {
        include_str!(concat!("../../assets/", $name))
    };
}

/// Path, type and content of each file of the page.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, asset!("lobby/index.html")),
    ("/account.js", SCRIPT, asset!("lobby/account.js")),
    ("/api.js", SCRIPT, asset!("lobby/api.js")),
    ("/base.css", CSS, asset!("lobby/base.css")),
    ("/chat.js", SCRIPT, asset!("lobby/chat.js")),
    ("/commands.js", SCRIPT, asset!("lobby/commands.js")),
    ("/completion.js", SCRIPT, asset!("lobby/completion.js")),
    ("/composer.js", SCRIPT, asset!("lobby/composer.js")),
    ("/conversation.js", SCRIPT, asset!("lobby/conversation.js")),
    ("/counter.js", SCRIPT, asset!("lobby/counter.js")),
    ("/dom.js", SCRIPT, asset!("lobby/dom.js")),
    ("/door.js", SCRIPT, asset!("lobby/door.js")),
    ("/drafts.js", SCRIPT, asset!("lobby/drafts.js")),
    ("/drawers.js", SCRIPT, asset!("lobby/drawers.js")),
    ("/endings.js", SCRIPT, asset!("lobby/endings.js")),
    ("/favicon.svg", SVG, asset!("lobby/favicon.svg")),
    ("/house.js", SCRIPT, asset!("lobby/house.js")),
    ("/keepsakes.js", SCRIPT, asset!("lobby/keepsakes.js")),
    ("/line.js", SCRIPT, asset!("lobby/line.js")),
    ("/lobby.css", CSS, asset!("lobby/lobby.css")),
    ("/log.js", SCRIPT, asset!("lobby/log.js")),
    ("/main.js", SCRIPT, asset!("lobby/main.js")),
    ("/measures.js", SCRIPT, asset!("lobby/measures.js")),
    ("/mentions.js", SCRIPT, asset!("lobby/mentions.js")),
    ("/menu.js", SCRIPT, asset!("lobby/menu.js")),
    ("/messages.css", CSS, asset!("lobby/messages.css")),
    ("/moderation.js", SCRIPT, asset!("lobby/moderation.js")),
    ("/narrow.css", CSS, asset!("lobby/narrow.css")),
    ("/offers.js", SCRIPT, asset!("lobby/offers.js")),
    ("/people.js", SCRIPT, asset!("lobby/people.js")),
    ("/pieces.js", SCRIPT, asset!("lobby/pieces.js")),
    ("/recall.js", SCRIPT, asset!("lobby/recall.js")),
    ("/relogin.js", SCRIPT, asset!("lobby/relogin.js")),
    ("/reveal.js", SCRIPT, asset!("lobby/reveal.js")),
    ("/rooms.js", SCRIPT, asset!("lobby/rooms.js")),
    ("/session.js", SCRIPT, asset!("lobby/session.js")),
    ("/speech.js", SCRIPT, asset!("lobby/speech.js")),
    ("/standing.js", SCRIPT, asset!("lobby/standing.js")),
    ("/storage.js", SCRIPT, asset!("lobby/storage.js")),
    ("/words.js", SCRIPT, asset!("lobby/words.js")),
];

/// The client of `bouncer.v1`, which the page imports as `/client/index.js`.
const CLIENT: &[(&str, &str)] = &[
    ("/client/advice.js", asset!("client/advice.js")),
    ("/client/bouncer.js", asset!("client/bouncer.js")),
    ("/client/connection.js", asset!("client/connection.js")),
    ("/client/emitter.js", asset!("client/emitter.js")),
    ("/client/incoming.js", asset!("client/incoming.js")),
    ("/client/index.js", asset!("client/index.js")),
    ("/client/line.js", asset!("client/line.js")),
    ("/client/message.js", asset!("client/message.js")),
    ("/client/moderator.js", asset!("client/moderator.js")),
    ("/client/outbox.js", asset!("client/outbox.js")),
    ("/client/patience.js", asset!("client/patience.js")),
    ("/client/preflight.js", asset!("client/preflight.js")),
    ("/client/refused.js", asset!("client/refused.js")),
    ("/client/requests.js", asset!("client/requests.js")),
    ("/client/room.js", asset!("client/room.js")),
    ("/client/rooms.js", asset!("client/rooms.js")),
    ("/client/timers.js", asset!("client/timers.js")),
    ("/client/token.js", asset!("client/token.js")),
    ("/client/wakes.js", asset!("client/wakes.js")),
];

/// The page and the API together. `hosts` are the names that this server answers to, which keeps
/// other sites from reaching it under a name of theirs; `ws_authority` is where the page connects to.
pub fn site(api: Router, hosts: Vec<String>, ws_authority: &str) -> Router {
    let policy = HeaderValue::try_from(format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self' ws://{ws_authority} http://{ws_authority}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'"
    ))
    .unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let mut site = api;
    let client = CLIENT
        .iter()
        .map(|&(path, content)| (path, SCRIPT, content));
    for (path, content_type, content) in FILES.iter().copied().chain(client) {
        site = site.route(
            path,
            get(move || async move { ([(CONTENT_TYPE, content_type)], content) }),
        );
    }
    site.layer(DefaultBodyLimit::max(BODY_BYTES)).layer(from_fn(
        move |request: Request, next: Next| {
            let known = is_known_host(request.headers(), &hosts);
            let policy = policy.clone();
            async move {
                let mut response = if known {
                    next.run(request).await
                } else {
                    (StatusCode::MISDIRECTED_REQUEST, "unknown host\n").into_response()
                };
                harden(response.headers_mut(), policy);
                response
            }
        },
    ))
}

fn is_known_host(headers: &HeaderMap, hosts: &[String]) -> bool {
    let mut given = headers.get_all(HOST).iter();
    match (given.next(), given.next()) {
        (Some(host), None) => hosts.iter().any(|known| host == known.as_str()),
        _ => false,
    }
}

fn harden(headers: &mut HeaderMap, policy: HeaderValue) {
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

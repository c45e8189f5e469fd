//! Takes the one credential out of a request.

use tokio_tungstenite::tungstenite::http::{
    HeaderMap, HeaderName,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL},
};

use super::subprotocol::Offer;
use crate::{auth::Credential, http::Head, identity::Refusal};

/// The fields that may carry a secret. They do not go on to an
/// [`Authenticator`](crate::Authenticator).
const CARRIERS: [HeaderName; 4] = [
    AUTHORIZATION,
    SEC_WEBSOCKET_PROTOCOL,
    COOKIE,
    PROXY_AUTHORIZATION,
];

/// How a credential came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// `Authorization: Bearer …`: native clients.
    Header,
    /// `Sec-WebSocket-Protocol: …, bearer.…`: browsers.
    Subprotocol,
    /// `?ticket=…`, with a ticket in place of the token.
    Ticket,
}

/// What the request brought along.
#[derive(Debug)]
pub(crate) struct Presented {
    /// `None` when there was no credential at all.
    pub credential: Option<(Carrier, Credential)>,
    /// The subprotocol to name in the `101`.
    pub subprotocol: Option<String>,
}

/// Reads the credential and settles the subprotocol. Cookies and anything in the query but `ticket` are
/// not carriers: they are not looked at. Afterwards no carrier is left among the head's fields.
///
/// # Errors
/// 400 for two credentials and a malformed or unknown subprotocol; 401 for a credential that cannot be
/// one.
pub(crate) fn take(
    head: &mut Head,
    subprotocols: &[String],
    token_max_bytes: usize,
) -> Result<Presented, Refusal> {
    let presented = present(head, subprotocols, token_max_bytes);
    remove_carriers(&mut head.headers);
    presented
}

fn present(
    head: &Head,
    subprotocols: &[String],
    token_max_bytes: usize,
) -> Result<Presented, Refusal> {
    let offer = match head.headers.get(SEC_WEBSOCKET_PROTOCOL) {
        None => Offer::default(),
        // A value that is not text is as malformed as an empty list.
        Some(value) => Offer::parse(Some(value.to_str().unwrap_or_default()))?,
    };
    let subprotocol = offer.select(subprotocols)?;
    let authorization = head.headers.get(AUTHORIZATION).map(|value| {
        let token = value.to_str().ok().and_then(bearer_token);
        (Carrier::Header, token.unwrap_or_default())
    });
    let bearer = offer.bearer.map(|token| (Carrier::Subprotocol, token));
    let tickets = tickets(head.query.as_deref()).map(|ticket| (Carrier::Ticket, ticket));
    let mut carried = authorization.into_iter().chain(bearer).chain(tickets);
    let credential = match (carried.next(), carried.next()) {
        (Some(_), Some(_)) => return Err(Refusal::bad_request("two credentials")),
        (Some((carrier, text)), None) => {
            Some((carrier, Credential::checked(text, token_max_bytes)?))
        }
        (None, _) => None,
    };
    Ok(Presented {
        credential,
        subprotocol,
    })
}

/// The values of all `ticket` in a query. Nothing is decoded: a ticket needs no escapes.
fn tickets(query: Option<&str>) -> impl Iterator<Item = &str> {
    let pairs = query.unwrap_or_default().split('&');
    pairs.filter_map(|pair| match pair.split_once('=') {
        Some(("ticket", ticket)) => Some(ticket),
        None if pair == "ticket" => Some(""),
        _ => None,
    })
}

/// The token of `Bearer <token>` (RFC 6750 §2.1). Another scheme has none.
fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
}

fn remove_carriers(headers: &mut HeaderMap) {
    for name in CARRIERS {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln-bmF0_dXJl";

    fn present(fields: &[(&'static str, &str)]) -> Result<Presented, Refusal> {
        take(
            &mut Head::get("/ws", fields),
            &["game.v1".to_owned()],
            TOKEN.len(),
        )
    }

    fn status(fields: &[(&'static str, &str)]) -> u16 {
        present(fields).unwrap_err().kind().status()
    }

    fn token(fields: &[(&'static str, &str)]) -> (Carrier, String) {
        let (carrier, credential) = present(fields).unwrap().credential.unwrap();
        (carrier, credential.expose().to_owned())
    }

    #[test]
    fn a_token_comes_in_the_header_or_in_the_subprotocol() {
        for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
            let value = format!("{scheme} {TOKEN}");
            let expected = (Carrier::Header, TOKEN.to_owned());
            assert_eq!(token(&[("authorization", &value)]), expected);
        }
        let list = format!("game.v1, bearer.{TOKEN}");
        let fields = [("sec-websocket-protocol", &*list)];
        assert_eq!(token(&fields), (Carrier::Subprotocol, TOKEN.to_owned()));
        let presented = present(&fields).unwrap();
        assert_eq!(presented.subprotocol.as_deref(), Some("game.v1"));
    }

    #[test]
    fn a_request_without_a_credential_is_well_formed() {
        assert!(present(&[]).unwrap().credential.is_none());
        let cookie = [("cookie", "token=abc")];
        assert!(present(&cookie).unwrap().credential.is_none());
    }

    #[test]
    fn what_cannot_be_a_token_is_one_identical_401() {
        let long = format!("Bearer {TOKEN}x");
        let bodies: Vec<String> = [
            "",
            "Bearer",
            "Bearer ",
            "Bearer =",
            "Bearer a b",
            "Bearer a,b",
            "Bearer a=b",
            "Bearer \"a\"",
            "Bearer\ta",
            "Basic dXNlcjpwYXNz",
            "Bearerabc",
            TOKEN,
            &long,
        ]
        .iter()
        .map(|value| {
            let refusal = present(&[("authorization", value)]).unwrap_err();
            assert_eq!(refusal.kind().status(), 401, "{value}");
            refusal.body()
        })
        .collect();
        assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
        for list in [
            format!("game.v1, bearer.{TOKEN}x"),
            "game.v1, bearer.".to_owned(),
            "game.v1, bearer.a*b".to_owned(),
        ] {
            assert_eq!(status(&[("sec-websocket-protocol", &list)]), 401, "{list}");
        }
    }

    #[test]
    fn two_credentials_are_refused() {
        let fields = |authorization| {
            [
                ("authorization", authorization),
                ("sec-websocket-protocol", "game.v1, bearer.a"),
            ]
        };
        assert_eq!(status(&fields("Bearer a")), 400);
        assert_eq!(status(&fields("Basic a")), 400);
        let twice = [("sec-websocket-protocol", "game.v1, bearer.a, bearer.b")];
        assert_eq!(status(&twice), 400);
    }

    #[test]
    fn a_subprotocol_that_is_not_text_is_refused() {
        assert_eq!(status(&[("sec-websocket-protocol", "game.v1\u{e4}")]), 400);
    }

    #[test]
    fn the_query_carries_a_ticket_and_nothing_else() {
        let with_query = |query: &str, fields: &[(&'static str, &str)]| {
            let mut head = Head::get("/ws", fields);
            head.query = Some(query.to_owned());
            take(&mut head, &["game.v1".to_owned()], TOKEN.len())
        };
        for query in ["", "token=abc", "access_token=abc", "a=ticket", "tickets=1"] {
            let presented = with_query(query, &[]).unwrap();
            assert!(presented.credential.is_none(), "{query}");
        }
        for query in ["ticket=ab-_c", "a=b&ticket=ab-_c", "ticket=ab-_c&ticked=x"] {
            let presented = with_query(query, &[]).unwrap();
            let (carrier, ticket) = presented.credential.unwrap();
            assert_eq!((carrier, ticket.expose()), (Carrier::Ticket, "ab-_c"));
        }
        let long = format!("ticket={TOKEN}x");
        for query in [
            "ticket",
            "ticket=",
            "ticket=a%2Db",
            "ticket=a,b",
            "ticket==",
            &long,
        ] {
            let refusal = with_query(query, &[]).unwrap_err();
            assert_eq!(refusal.kind().status(), 401, "{query}");
            assert!(!refusal.to_string().contains("a,b"));
        }
        for query in [
            "ticket=abc&ticket=abc",
            "ticket=abc&ticket",
            "ticket&ticket=",
        ] {
            let refusal = with_query(query, &[]).unwrap_err();
            assert_eq!(refusal.kind().status(), 400, "{query}");
        }
        for field in [
            ("authorization", "Bearer a"),
            ("authorization", "Basic a"),
            ("sec-websocket-protocol", "game.v1, bearer.a"),
        ] {
            let refusal = with_query("ticket=abc", &[field]).unwrap_err();
            assert_eq!(refusal.kind().status(), 400, "{field:?}");
        }
        let offer = [("sec-websocket-protocol", "game.v1")];
        let presented = with_query("ticket=abc", &offer).unwrap();
        assert_eq!(presented.subprotocol.as_deref(), Some("game.v1"));
    }

    #[test]
    fn p12_no_carrier_is_left_in_the_request_and_debug_shows_no_token() {
        let list = format!("game.v1, bearer.{TOKEN}");
        let mut head = Head::get(
            "/ws",
            &[
                ("sec-websocket-protocol", &list),
                ("cookie", "session=secret"),
                ("proxy-authorization", "Basic secret"),
                ("user-agent", "test"),
            ],
        );
        let presented = take(&mut head, &["game.v1".to_owned()], 4096).unwrap();
        let left: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["user-agent"]);
        assert!(!format!("{presented:?}").contains(TOKEN));

        let mut refused = Head::get("/ws", &[("authorization", "Basic secret")]);
        assert!(take(&mut refused, &[], 4096).is_err());
        assert!(refused.headers.is_empty());
    }
}

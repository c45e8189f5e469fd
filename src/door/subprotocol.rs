//! `Sec-WebSocket-Protocol`: the application's protocols, and among them a browser's only way to
//! bring a token.
//!
//! A page cannot set header fields on a WebSocket, so it offers
//! `new WebSocket(url, ["game.v1", "bearer." + token])`. Only the application's protocol is ever
//! sent back.

use std::collections::HashSet;

use bevy_bouncer_protocol::BEARER_PREFIX;

use crate::{http::is_token, identity::Refusal};

/// What a client offered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer<'a> {
    application: HashSet<&'a str>,
    /// The token behind `bearer.`, which may be empty.
    pub bearer: Option<&'a str>,
}

impl<'a> Offer<'a> {
    /// Reads the list. `None` is a request without the field.
    ///
    /// # Errors
    /// 400 for a list that is malformed, has duplicates, or has two tokens.
    pub fn parse(field: Option<&'a str>) -> Result<Self, Refusal> {
        let mut offer = Self::default();
        for element in field.into_iter().flat_map(|list| list.split(',')) {
            let element = element.trim_matches([' ', '\t']);
            if !is_token(element) {
                return Err(Refusal::bad_request("Sec-WebSocket-Protocol is malformed"));
            }
            let repeated = match element.strip_prefix(BEARER_PREFIX) {
                Some(token) => offer.bearer.replace(token).is_some(),
                None => !offer.application.insert(element),
            };
            if repeated {
                return Err(Refusal::bad_request(
                    "Sec-WebSocket-Protocol has an element twice",
                ));
            }
        }
        Ok(offer)
    }

    /// The first of the server's protocols that the client offered too. `None` when it offered
    /// nothing.
    ///
    /// # Errors
    /// 400 when it offered something, but none of the application's protocols.
    pub fn select(&self, application: &[String]) -> Result<Option<String>, Refusal> {
        if self.application.is_empty() && self.bearer.is_none() {
            return Ok(None);
        }
        application
            .iter()
            .find(|known| self.application.contains(known.as_str()))
            .cloned()
            .map(Some)
            .ok_or_else(|| {
                Refusal::bad_request("Sec-WebSocket-Protocol offers no protocol of this server")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(field: Option<&str>, known: &[&str]) -> Result<Option<String>, u16> {
        let known: Vec<String> = known.iter().map(|&name| name.to_owned()).collect();
        Offer::parse(field)
            .and_then(|offer| offer.select(&known))
            .map_err(|refusal| refusal.kind().status())
    }

    #[test]
    fn the_server_prefers_and_the_bearer_is_never_selected() {
        let known = ["game.v2", "game.v1"];
        let chosen = |list| selected(Some(list), &known).unwrap().unwrap();
        assert_eq!(chosen("game.v1"), "game.v1");
        assert_eq!(chosen("game.v1, game.v2"), "game.v2");
        assert_eq!(chosen("bearer.a.b.c ,\tgame.v1"), "game.v1");
        assert_eq!(chosen("chat,game.v1"), "game.v1");
    }

    #[test]
    fn nothing_offered_selects_nothing() {
        assert_eq!(selected(None, &[]), Ok(None));
        assert_eq!(selected(None, &["game.v1"]), Ok(None));
    }

    #[test]
    fn an_offer_without_a_known_protocol_is_refused() {
        for list in ["chat", "bearer.a", "chat, bearer.a", "GAME.V1", "bearer."] {
            assert_eq!(selected(Some(list), &["game.v1"]), Err(400), "{list}");
            assert_eq!(selected(Some(list), &[]), Err(400), "{list}");
        }
    }

    #[test]
    fn a_malformed_list_is_refused() {
        for list in [
            "",
            " ",
            ",",
            "game.v1,",
            ",game.v1",
            "game.v1,,chat",
            "game v1",
            "game.v1, game.v1",
            "game.v1, bearer.a, bearer.b",
            "game.v1, bearer.a, bearer.a",
            "game.v1, bearer.a=",
            "game.v1; chat",
            "\"game.v1\"",
        ] {
            assert_eq!(selected(Some(list), &["game.v1"]), Err(400), "{list:?}");
        }
    }
}

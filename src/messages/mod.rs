//! The messages of `bouncer.v1` below any game and the chat: `hello`, signs of life, new tokens, and the game's own
//! typed messages. They are for connections that agreed on that subprotocol; the frames of others are the
//! game's alone.

mod answer;
mod errors;
mod hello;
mod refresh;
mod request;
mod typed;

pub use errors::ClientErrors;
pub use hello::HelloPart;
pub(crate) use hello::add_to as add_hello;
pub(crate) use refresh::RefreshAnswers;
pub(crate) use request::receive;
pub use request::{BadMessage, ClientMessage, ClientRequest, parse_client_message};
pub(crate) use typed::KnownMessages;
pub use typed::{ClientMessageApp, FromPlayer, SendTypedError, TypedMessage, TypedOutbox};

use bevy_app::{App, PostUpdate, PreUpdate};
use bevy_bouncer_protocol::BOUNCER_V1;
use bevy_ecs::{message::Messages, prelude::*};

use crate::{
    config::MessageOptions,
    world::{ClientFrame, Connection},
};

/// When the messages of `bouncer.v1` are read and sent.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageSystems {
    /// In `PreUpdate`, after `BouncerSystems::Receive`: what clients sent becomes [`ClientRequest`] and [`FromPlayer`].
    Receive,
    /// In `PostUpdate`, before `BouncerSystems::Send`.
    Tell,
}

/// What the configuration says.
#[derive(Resource)]
struct Options(MessageOptions);

/// Whether a connection agreed on `bouncer.v1`.
fn speaks(connection: &Connection) -> bool {
    connection.subprotocol() == Some(BOUNCER_V1)
}

/// Whether clients may have said something.
fn has_frames(frames: Res<Messages<ClientFrame>>) -> bool {
    !frames.is_empty()
}

/// Says so when the game has messages that no client can send.
pub(crate) fn warn_when_unheard(app: &App) {
    let known = app.world().get_resource::<KnownMessages>();
    if known.is_some_and(|known| !known.typed.is_empty() || !known.requests.is_empty()) {
        tracing::error!(
            "no client can send the messages that were added: `{BOUNCER_V1}` is not among the subprotocols"
        );
    }
}

/// Everything that runs where `bouncer.v1` can be agreed on.
pub(crate) fn build(app: &mut App, options: &MessageOptions) {
    app.insert_resource(Options(options.clone()))
        .init_resource::<ClientErrors>()
        .init_resource::<KnownMessages>()
        .init_resource::<RefreshAnswers>()
        .add_message::<ClientRequest>()
        .add_observer(refresh::ask_for_token)
        .add_systems(
            PreUpdate,
            (
                refresh::answer.run_if(refresh::has_answers),
                receive.run_if(has_frames),
            )
                .chain()
                .in_set(MessageSystems::Receive),
        )
        .add_systems(
            PostUpdate,
            (hello::beat, errors::close_noisy)
                .chain()
                .in_set(MessageSystems::Tell),
        );
    add_hello(app);
}

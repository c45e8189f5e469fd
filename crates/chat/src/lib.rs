//! Chat: rooms, whispers, history, presence and moderation, in the subprotocol [`SUBPROTOCOL`].
//!
//! Everything in here is built on what any game can use. [`ChatPlugin`] joins the parts; clients in
//! browsers use `assets/bouncer.js`, and `docs/protocol.md` describes what they say.
//!
//! # Rooms are entities
//!
//! Spawn a [`Room`] to open one, despawn it to close it. [`RoomMembers`] has who is in it, [`InRooms`] on a
//! player has where that one is, and [`RoomRules`] what holds: change it, and members are told.
//!
//! # What a game can do
//!
//! - See: [`Spoken`] and [`Moderated`] are messages, [`People`] knows who is muted.
//! - Veto, or change the words: observe [`Speaking`]; for what takes time there is a [`ChatFilter`].
//! - Speak: write an [`Announcement`], as the game itself or as one of its characters.
//! - Add messages of its own: [`ClientMessageApp::add_client_message`], [`TypedOutbox`].
//!
//! # Many nodes
//!
//! With [`BouncerPlugin::cluster`](bevy_bouncer::BouncerPlugin::cluster), rooms of the same name on all nodes are one:
//! messages, deletions, whispers, mutes and rules reach the others. Presence and the number of members are those of
//! the own node, and a node that starts knows what its own archive has.
//!
//! # Who may what
//!
//! Each room has a [`RoomAccess`]. Users with the role `moderator` moderate everybody below them, those with
//! the role `admin` also moderators. Nobody touches a peer, nor shortens an admin's mute who is none. Two things
//! are left to trust: moderators let anybody in again who is below them, and admins may decide about users of
//! whom the server knows nothing.

mod archive;
mod desk;
#[cfg(test)]
mod document;
mod error_code;
mod events;
mod filter;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod game_messages;
mod history;
mod later;
mod members;
mod mint;
mod moderation;
mod options;
mod pace;
mod people;
mod presence;
mod protocol;
mod rank;
mod receive;
mod relay;
mod room;
mod session;
mod speak;
mod text;
mod told;
mod visit;

use std::sync::{Arc, Mutex, PoisonError};

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use bevy_tokio_tasks::TokioTasksRuntime;

#[cfg(feature = "sqlite")]
pub use archive::SqliteChat;
pub use archive::{
    ArchiveError, ArchiveFuture, ChatArchive, ChatRecord, Kept, KeptMessage, KeptMute,
};
pub use error_code::ErrorCode;
pub use events::{Announcement, Moderated, Moderation, Speaking, Spoken};
pub use filter::{ChatFilter, Draft, FilterFailure, FilterFuture, Verdict};
pub use game_messages::{ClientMessageApp, FromPlayer, ServerMessage, TypedOutbox};
pub use history::RoomHistory;
pub use members::{InRooms, RoomMembers};
pub use options::ChatOptions;
pub use people::{MutedIn, People};
pub use protocol::SUBPROTOCOL;
pub use room::{ByRole, Invited, Open, Room, RoomAccess, RoomRules};

use bevy_bouncer::{BouncerSystems, Cluster, ConfigError};

/// When the chat runs.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChatSystems {
    /// In `PreUpdate`, after [`BouncerSystems::Receive`]: what clients ask for is done.
    Receive,
    /// In `PostUpdate`, before [`BouncerSystems::Send`]: rooms are told what changed.
    Tell,
}

/// The chat. Add it after the [`BouncerPlugin`](bevy_bouncer::BouncerPlugin), whose
/// [`subprotocols`](bevy_bouncer::BouncerConfig::subprotocols) should have [`SUBPROTOCOL`].
///
/// ```
/// use bevy_app::prelude::*;
/// use bevy_bouncer_chat::{ChatOptions, ChatPlugin, Room};
/// use bevy_ecs::prelude::*;
///
/// fn open_rooms(mut commands: Commands) {
///     commands.spawn(Room::open("lobby"));
/// }
///
/// # fn add(app: &mut App) -> Result<(), bevy_bouncer::ConfigError> {
/// app.add_plugins(ChatPlugin::new(ChatOptions::default())?)
///     .add_systems(Startup, open_rooms);
/// # Ok(())
/// # }
/// ```
pub struct ChatPlugin {
    settings: ChatSettings,
    archive: Option<Arc<dyn ChatArchive>>,
    /// What the archive has kept, until the plugin is built.
    kept: Mutex<Kept>,
}

/// What was given to the plugin.
#[derive(Resource, Clone)]
struct ChatSettings {
    options: Arc<ChatOptions>,
    filter: Option<Arc<dyn ChatFilter>>,
}

impl ChatPlugin {
    /// A chat with these limits.
    ///
    /// # Errors
    /// The first option that cannot be used, with the reason.
    pub fn new(options: ChatOptions) -> Result<Self, ConfigError> {
        options.validate()?;
        let settings = ChatSettings {
            options: Arc::new(options),
            filter: None,
        };
        Ok(Self {
            settings,
            archive: None,
            kept: Mutex::default(),
        })
    }

    /// Keeps messages and mutes there, and begins with those that it has. Blocks until they are loaded; not
    /// to be called in async code.
    ///
    /// # Errors
    /// [`ArchiveError`] when they cannot be read.
    pub fn archive(mut self, archive: impl ChatArchive) -> Result<Self, ArchiveError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ArchiveError(error.to_string()))?;
        let options = &self.settings.options;
        let kept = archive.load(options.closed_rooms, options.history);
        self.kept = Mutex::new(runtime.block_on(kept)?);
        self.archive = Some(Arc::new(archive));
        Ok(self)
    }

    /// Asks this filter about every message and whisper.
    pub fn filter(mut self, filter: impl ChatFilter) -> Self {
        self.settings.filter = Some(Arc::new(filter));
        self
    }
}

impl Plugin for ChatPlugin {
    fn build(&self, app: &mut App) {
        let mint = match mint::Mint::new() {
            Ok(mint) => mint,
            Err(error) => {
                tracing::error!(%error, "the chat cannot start: there are no random numbers");
                app.world_mut().write_message(AppExit::error());
                return;
            }
        };
        let (mut people, mut past) = (People::default(), archive::Past::default());
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        kept.restore(&self.settings.options, &mut people, &mut past);
        if let Some(archive) = &self.archive {
            let Some(runtime) = app.world().get_resource::<TokioTasksRuntime>() else {
                tracing::error!("the BouncerPlugin has to be added before the ChatPlugin");
                app.world_mut().write_message(AppExit::error());
                return;
            };
            let queue = self.settings.options.archive_queue;
            let archive = archive::start(runtime.runtime(), archive.clone(), queue);
            app.insert_resource(archive)
                .add_systems(Last, archive::flush.after(BouncerSystems::Shutdown));
        }
        app.insert_resource(self.settings.clone())
            .insert_resource(people)
            .insert_resource(past)
            .insert_resource(mint)
            .init_resource::<filter::Judging>()
            .init_resource::<game_messages::GameMessages>()
            .init_resource::<later::Later>()
            .init_resource::<presence::Untold>()
            .init_resource::<room::RoomIndex>()
            .add_message::<Announcement>()
            .add_message::<Moderated>()
            .add_message::<Spoken>()
            .add_observer(members::check_again)
            .add_observer(members::leave_all)
            .add_observer(presence::close)
            .add_observer(room::hide)
            .add_observer(room::open)
            .add_observer(session::ask_for_token)
            .add_observer(session::changed)
            .add_observer(session::hello)
            .add_observer(session::hello_again)
            .configure_sets(
                PreUpdate,
                ChatSystems::Receive.after(BouncerSystems::Receive),
            )
            .configure_sets(PostUpdate, ChatSystems::Tell.before(BouncerSystems::Send))
            .add_systems(
                PreUpdate,
                (
                    relay::receive.run_if(resource_exists::<Cluster>),
                    receive::receive,
                )
                    .chain()
                    .in_set(ChatSystems::Receive),
            )
            .add_systems(
                PostUpdate,
                (presence::tell, session::beat).in_set(ChatSystems::Tell),
            );
    }
}

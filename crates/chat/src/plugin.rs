//! The wiring of the chat.

use std::{sync::Arc, time::Duration};

use bevy_app::prelude::*;
use bevy_bouncer::{
    AfterLast, BouncerSystems, ClientMessageApp, ClientRequest, Cluster, ClusterFrame, ConfigError,
    MessageSystems, SharedStateChanged,
};
use bevy_bouncer_protocol::OPS;
use bevy_ecs::{message::Messages, prelude::*};

use crate::{
    archive::{ChatArchive, writer},
    cluster_in, conditions,
    context::{SentAway, queue::MessageQueue, tell::AUDIT},
    decisions::PendingDecisions,
    deferred::{DeferredReplies, has_deferred_replies},
    dispatch,
    events::{
        entering::Entering,
        moderation::{Moderated, ModerationResult},
        speaking::{Announcement, Speaking, Spoken},
    },
    filter::{ActiveFilter, ChatFilter, PendingFilter},
    greeting, membership,
    model::{
        closed_rooms::ClosedRooms,
        fleet_presence::FleetPresence,
        ids::IdGenerator,
        members::{ChangedRooms, InRooms},
        room::{self, RoomIndex, RoomRules},
        room_lists::RoomLists,
        users::Users,
    },
    online,
    options::{ChatOptions, SharedOptions},
    presence::{self, ChangedRules},
    shared::SharedChat,
    stored,
};

/// How long the end of the app waits for the backplane.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// When the chat runs.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChatSystems {
    /// In `PreUpdate`, after [`BouncerSystems::Receive`]: what clients ask for is done.
    Receive,
    /// In `PostUpdate`, before [`BouncerSystems::Send`]: rooms are told what changed.
    Tell,
}

/// The chat. Add it before or after the [`BouncerPlugin`](bevy_bouncer::BouncerPlugin), whose
/// [`subprotocols`](bevy_bouncer::BouncerConfig::subprotocols) should have [`SUBPROTOCOL`](crate::SUBPROTOCOL).
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
    options: SharedOptions,
    filter: Option<ActiveFilter>,
    archive: Option<Arc<dyn ChatArchive>>,
}

impl ChatPlugin {
    /// A chat with these limits.
    ///
    /// # Errors
    /// The first option that cannot be used, with the reason.
    pub fn new(options: ChatOptions) -> Result<Self, ConfigError> {
        options.validate()?;
        Ok(Self {
            options: SharedOptions(Arc::new(options)),
            filter: None,
            archive: None,
        })
    }

    /// Keeps messages and mutes there, and begins with those that it has. They are loaded in `App::finish`, in the
    /// app's runtime, before anybody comes in; when they cannot be read, the log says why and the app ends with an error.
    pub fn archive(mut self, archive: impl ChatArchive) -> Self {
        self.archive = Some(Arc::new(archive));
        self
    }

    /// Asks this filter about every message and whisper.
    pub fn filter(mut self, filter: impl ChatFilter) -> Self {
        self.filter = Some(ActiveFilter(Arc::new(filter)));
        self
    }
}

impl Plugin for ChatPlugin {
    fn build(&self, app: &mut App) {
        let ids = match IdGenerator::new() {
            Ok(ids) => ids,
            Err(error) => {
                tracing::error!(%error, "the chat cannot start: there are no random numbers");
                app.world_mut().write_message(AppExit::error());
                return;
            }
        };
        if let Some(filter) = &self.filter {
            app.insert_resource(filter.clone());
        }
        app.insert_resource(ids);
        self.add_state(app);
        add_types(app);
        add_observers(app);
        add_systems(app);
    }

    /// When all plugins are built, it is known whether there is a fleet.
    fn finish(&self, app: &mut App) {
        if let Some(archive) = &self.archive {
            self.begin_with(app, archive);
        }
        let cluster = app.world().get_resource::<Cluster>();
        let shared = SharedChat::new(cluster, &self.options.0);
        let presence = cluster.map(|cluster| {
            FleetPresence::shared(
                cluster.shared_state("bevy_bouncer.chat.presence"),
                cluster.node().to_string(),
                self.options.0.presence_lifetime,
            )
        });
        app.insert_resource(shared);
        if let Some(presence) = presence {
            app.insert_resource(presence)
                .init_resource::<online::Untold>()
                .add_observer(online::on_user_left)
                .add_systems(
                    PreUpdate,
                    online::hear
                        .run_if(has_messages::<SharedStateChanged>)
                        .in_set(ChatSystems::Receive)
                        .before(cluster_in::receive),
                )
                .add_systems(
                    PostUpdate,
                    online::tell
                        .run_if(online::is_due)
                        .in_set(ChatSystems::Tell),
                );
        }
    }
}

impl ChatPlugin {
    /// Begins with what the archive has, and keeps there what comes.
    fn begin_with(&self, app: &mut App, archive: &Arc<dyn ChatArchive>) {
        let options = &self.options.0;
        let runtime = bevy_bouncer::runtime(app);
        match runtime.block_on(archive.load(options.closed_rooms, options.history)) {
            Ok(loaded) => {
                let writer = writer::start(runtime, archive.clone(), options.archive_queue);
                loaded.restore(app.world_mut(), options);
                app.insert_resource(writer);
            }
            Err(error) => {
                tracing::error!(%error, "the chat cannot start");
                app.world_mut().write_message(AppExit::error());
            }
        }
    }

    /// What the chat remembers.
    fn add_state(&self, app: &mut App) {
        app.add_message::<ClientRequest>()
            // The server answers `auth.refresh` itself.
            .add_client_requests(OPS.iter().copied().filter(|op| *op != "auth.refresh"))
            .add_hello_part(greeting::add_to_hello);
        app.insert_resource(self.options.clone())
            .init_resource::<Users>()
            .init_resource::<ClosedRooms>()
            .init_resource::<ChangedRooms>()
            .init_resource::<ChangedRules>()
            .init_resource::<DeferredReplies>()
            .init_resource::<FleetPresence>()
            .init_resource::<MessageQueue>()
            .init_resource::<PendingDecisions>()
            .init_resource::<PendingFilter>()
            .init_resource::<RoomIndex>()
            .init_resource::<RoomLists>()
            .init_resource::<SentAway>();
    }
}

/// Messages, and what can be reflected.
fn add_types(app: &mut App) {
    app.add_message::<Announcement>()
        .add_message::<Moderated>()
        .add_message::<ModerationResult>()
        .add_message::<Spoken>()
        .register_type::<Announcement>()
        .register_type::<Entering>()
        .register_type::<InRooms>()
        .register_type::<Moderated>()
        .register_type::<RoomRules>()
        .register_type::<Speaking>()
        .register_type::<Spoken>();
}

fn add_observers(app: &mut App) {
    app.add_observer(cluster_in::on_room_opened)
        .add_observer(greeting::hello)
        .add_observer(greeting::hello_again)
        .add_observer(membership::on_player_left)
        .add_observer(membership::on_room_changed)
        .add_observer(membership::on_room_closed)
        .add_observer(membership::on_user_changed)
        .add_observer(room::hide)
        .add_observer(room::open);
}

fn add_systems(app: &mut App) {
    app.configure_sets(
        PreUpdate,
        ChatSystems::Receive
            .after(BouncerSystems::Receive)
            .after(MessageSystems::Receive),
    )
    .configure_sets(PostUpdate, ChatSystems::Tell.before(BouncerSystems::Send))
    .add_systems(
        PreUpdate,
        (
            cluster_in::receive.run_if(
                has_messages::<ClusterFrame>
                    .or_else(has_messages::<SharedStateChanged>)
                    .or_else(cluster_in::has_unshared_mutes),
            ),
            dispatch::receive.run_if(has_messages::<ClientRequest>.or_else(has_deferred_replies)),
            stored::tell.run_if(stored::has_stored),
        )
            .chain()
            .in_set(ChatSystems::Receive),
    )
    .add_systems(
        PostUpdate,
        (
            conditions::check.run_if(conditions::has_conditional_rooms),
            presence::note_changed_rules,
            presence::tell.run_if(has_messages::<Announcement>.or_else(presence::has_changes)),
        )
            .chain()
            .in_set(ChatSystems::Tell),
    )
    .add_systems(
        AfterLast,
        (writer::flush, flush_shared)
            .run_if(has_messages::<AppExit>)
            .after(BouncerSystems::Shutdown),
    );
}

/// When the app ends, it waits a moment until the other nodes can know what moderators decided.
fn flush_shared(shared: Option<Res<SharedChat>>, mut exit: MessageWriter<AppExit>) {
    let lost = shared.map_or_else(Vec::new, |shared| shared.flush(LAST_WAIT));
    for key in &lost {
        tracing::error!(target: AUDIT, key = &**key, "lost: the other nodes do not know what a moderator decided");
    }
    if !lost.is_empty() {
        exit.write(AppExit::error());
    }
}

/// Whether messages may wait. It notes nothing: a condition that did would use up what a system does not get to see
/// when the game holds its set back.
fn has_messages<M: Message>(messages: Option<Res<Messages<M>>>) -> bool {
    messages.is_some_and(|messages| !messages.is_empty())
}

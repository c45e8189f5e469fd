//! What is plain data can be reflected.

use bevy_app::App;
use bevy_bouncer_chat::{
    Announcement, ChatOptions, ChatPlugin, Entering, InRooms, Moderated, RoomRules, Speaking,
    Spoken,
};
use bevy_ecs::prelude::*;
use bevy_reflect::{GetPath, GetTypeRegistration, TypePath};

#[test]
fn components_and_events_are_registered_by_the_plugin() {
    let mut app = App::new();
    app.add_plugins(ChatPlugin::new(ChatOptions::default()).unwrap());
    let registry = app.world().resource::<AppTypeRegistry>().read();
    let knows = |path: &str| registry.get_with_type_path(path).is_some();
    for path in [
        Announcement::type_path(),
        Entering::type_path(),
        InRooms::type_path(),
        Moderated::type_path(),
        RoomRules::type_path(),
        Speaking::type_path(),
        Spoken::type_path(),
    ] {
        assert!(knows(path), "{path}");
    }
    let components = [
        InRooms::get_type_registration(),
        RoomRules::get_type_registration(),
    ];
    for component in components {
        assert!(component.data::<ReflectComponent>().is_some());
    }
}

#[test]
fn the_rules_of_a_room_are_read_and_changed_by_the_names_of_their_fields() {
    let mut rules = RoomRules::default();
    *rules.path_mut::<bool>("is_frozen").unwrap() = true;
    assert!(rules.is_frozen);
}

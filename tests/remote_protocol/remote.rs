//! What the handlers of the crate `bevy_remote` 0.20 do with a component, step by step.
//!
//! That crate is not a dependency, because it brings the user interface, sound and a newer Rust with it.

use bevy_ecs::{
    component::ComponentId,
    prelude::*,
    reflect::{ReflectComponent, ReflectEvent, ReflectMessage},
};
use bevy_reflect::{
    GetPath, PartialReflect, TypeRegistration, TypeRegistry,
    serde::{ReflectSerializer, TypedReflectDeserializer},
};
use serde::de::DeserializeSeed;
use serde_json::Value;

/// `world.get_components`
pub fn get(world: &World, entity: Entity, path: &str) -> Result<Value, String> {
    let registry = world.resource::<AppTypeRegistry>().read();
    let component = reflect_component(&registry, path)?;
    let reflected = component
        .reflect(world.entity(entity))
        .ok_or("the entity has no such component")?;
    let serializer = ReflectSerializer::new(reflected.as_partial_reflect(), &registry);
    serde_json::to_value(serializer).map_err(|error| error.to_string())
}

/// `world.insert_components`
pub fn insert(world: &mut World, entity: Entity, path: &str, value: &Value) -> Result<(), String> {
    let component = deserialize(world, path, value)?;
    // Panics for what is not reflected as a component, and that would be the end of the server.
    world.entity_mut(entity).insert_reflect(component);
    Ok(())
}

/// `world.spawn_entity`
pub fn spawn(world: &mut World, path: &str, value: &Value) -> Result<Entity, String> {
    let component = deserialize(world, path, value)?;
    let mut entity = world.spawn_empty();
    entity.insert_reflect(component);
    Ok(entity.id())
}

/// `world.mutate_components`
pub fn mutate(
    world: &mut World,
    entity: Entity,
    path: &str,
    field: &str,
    value: &Value,
) -> Result<(), String> {
    let registry = world.resource::<AppTypeRegistry>().clone();
    let registry = registry.read();
    // Panics for an immutable component that is reflected as one.
    let mut reflected = reflect_component(&registry, path)?
        .reflect_mut(world.entity_mut(entity))
        .ok_or("the entity has no such component")?;
    let held = reflected.reflect_path(field).map_err(|e| e.to_string())?;
    let kind = registered(&registry, held.reflect_type_path())?;
    let value = TypedReflectDeserializer::new(kind, &registry)
        .deserialize(value)
        .map_err(|error| error.to_string())?;
    let held = reflected.reflect_path_mut(field);
    let held = held.map_err(|error| error.to_string())?;
    held.try_apply(&*value).map_err(|error| error.to_string())
}

/// `world.remove_components`
pub fn remove(world: &mut World, entity: Entity, path: &str) -> Result<(), String> {
    let component: ComponentId = {
        let registry = world.resource::<AppTypeRegistry>().read();
        let kind = registered(&registry, path)?.type_id();
        let component = world.components().get_valid_id(kind);
        component.ok_or("not a component")?
    };
    world.entity_mut(entity).remove_by_id(component);
    Ok(())
}

/// Whether the protocol has heard of the type.
pub fn is_known(world: &World, path: &str) -> bool {
    let registry = world.resource::<AppTypeRegistry>().read();
    registry.get_with_type_path(path).is_some()
}

/// Whether `world.trigger_event` can make this event.
pub fn can_trigger(world: &World, path: &str) -> bool {
    let registry = world.resource::<AppTypeRegistry>().read();
    registered(&registry, path).is_ok_and(|kind| kind.data::<ReflectEvent>().is_some())
}

/// Whether `world.write_message` can make this message.
pub fn can_write(world: &World, path: &str) -> bool {
    let registry = world.resource::<AppTypeRegistry>().read();
    registered(&registry, path).is_ok_and(|kind| kind.data::<ReflectMessage>().is_some())
}

fn deserialize(
    world: &World,
    path: &str,
    value: &Value,
) -> Result<Box<dyn PartialReflect>, String> {
    let registry = world.resource::<AppTypeRegistry>().read();
    let kind = registered(&registry, path)?;
    TypedReflectDeserializer::new(kind, &registry)
        .deserialize(value)
        .map_err(|error| error.to_string())
}

fn reflect_component<'r>(
    registry: &'r TypeRegistry,
    path: &str,
) -> Result<&'r ReflectComponent, String> {
    let component = registered(registry, path)?.data::<ReflectComponent>();
    component.ok_or_else(|| format!("{path} is not reflected as a component"))
}

fn registered<'r>(registry: &'r TypeRegistry, path: &str) -> Result<&'r TypeRegistration, String> {
    let kind = registry.get_with_type_path(path);
    kind.ok_or_else(|| format!("{path} is not known"))
}

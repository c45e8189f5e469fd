//! Components that a directory gives a player, and takes away again.

use std::{any::Any, fmt, sync::Arc};

use bevy_ecs::prelude::*;

/// The components that a directory gives a player: see [`Standing::with`](crate::Standing::with). One of each type.
#[derive(Clone, Default)]
pub struct OwnedComponents(Vec<Arc<dyn Owned>>);

/// One component of a directory.
trait Owned: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn name(&self) -> &'static str;
    fn equals(&self, other: &dyn Owned) -> bool;
    /// Whether the player has it, with this value.
    fn is_on(&self, player: &EntityWorldMut<'_>) -> bool;
    fn give(&self, player: &mut EntityWorldMut<'_>);
    fn take(&self, player: &mut EntityWorldMut<'_>);
}

impl<C: Component + PartialEq + Clone> Owned for C {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &'static str {
        std::any::type_name::<C>()
    }

    fn equals(&self, other: &dyn Owned) -> bool {
        other.as_any().downcast_ref() == Some(self)
    }

    fn is_on(&self, player: &EntityWorldMut<'_>) -> bool {
        player.get::<C>() == Some(self)
    }

    fn give(&self, player: &mut EntityWorldMut<'_>) {
        player.insert(self.clone());
    }

    fn take(&self, player: &mut EntityWorldMut<'_>) {
        player.remove::<C>();
    }
}

impl OwnedComponents {
    /// Adds a component, in the place of another one of its type.
    pub(crate) fn add(&mut self, component: impl Component + PartialEq + Clone) {
        let component: Arc<dyn Owned> = Arc::new(component);
        self.0.retain(|other| !is_same_type(&**other, &*component));
        self.0.push(component);
    }

    /// The one of this type.
    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        let mut components = self.0.iter();
        components.find_map(|component| (**component).as_any().downcast_ref())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives a player these components: inserts those that it does not have with these values, and removes those
    /// that it was given before and that are not among these. An observer of one may despawn the player.
    pub(crate) fn give(&self, player: &mut EntityWorldMut<'_>, before: &Self) {
        let is_kept = |old: &dyn Owned| self.0.iter().any(|new| is_same_type(&**new, old));
        for old in before.0.iter().filter(|old| !is_kept(&***old)) {
            if player.is_despawned() {
                return;
            }
            old.take(player);
        }
        for new in &self.0 {
            if player.is_despawned() {
                return;
            }
            if !new.is_on(player) {
                new.give(player);
            }
        }
    }
}

fn is_same_type(one: &dyn Owned, other: &dyn Owned) -> bool {
    one.as_any().type_id() == other.as_any().type_id()
}

impl PartialEq for OwnedComponents {
    /// The order in which they were added does not matter.
    fn eq(&self, other: &Self) -> bool {
        let has = |component: &Arc<dyn Owned>| {
            let mut others = other.0.iter();
            others.any(|other| component.equals(&**other))
        };
        self.0.len() == other.0.len() && self.0.iter().all(has)
    }
}

impl fmt::Debug for OwnedComponents {
    /// The types alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|component| component.name());
        f.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Component, Clone, PartialEq)]
    struct Guild(u32);

    #[derive(Component, Clone, PartialEq)]
    struct Title(&'static str);

    #[derive(Resource, Default)]
    struct Inserts(usize);

    fn of(guild: Option<u32>, title: Option<&'static str>) -> OwnedComponents {
        let mut components = OwnedComponents::default();
        guild
            .into_iter()
            .for_each(|guild| components.add(Guild(guild)));
        title
            .into_iter()
            .for_each(|title| components.add(Title(title)));
        components
    }

    #[test]
    fn there_is_one_of_each_type_in_any_order() {
        let mut other_order = of(None, Some("sir"));
        other_order.add(Guild(3));
        other_order.add(Guild(7));
        assert_eq!(other_order, of(Some(7), Some("sir")));
        assert_ne!(other_order, of(Some(8), Some("sir")));
        assert_ne!(other_order, of(Some(7), None));
        assert_ne!(of(Some(7), None), other_order);
    }

    #[test]
    fn what_is_the_same_is_not_inserted_and_what_is_missing_is_removed() {
        let mut world = World::new();
        world.init_resource::<Inserts>();
        world.add_observer(|_: On<Insert<Guild>>, mut inserts: ResMut<Inserts>| inserts.0 += 1);
        let player = world.spawn_empty().id();
        let mut before = OwnedComponents::default();
        for (guild, title, inserts) in [
            (Some(7), Some("sir"), 1),
            (Some(7), None, 1),
            (Some(8), None, 2),
            (None, Some("sir"), 2),
        ] {
            let now = of(guild, title);
            now.give(&mut world.entity_mut(player), &before);
            before = now;
            assert_eq!(world.get::<Guild>(player).map(|guild| guild.0), guild);
            assert_eq!(world.get::<Title>(player).map(|title| title.0), title);
            assert_eq!(world.resource::<Inserts>().0, inserts);
        }
        // What the game has of its own is left alone.
        world.entity_mut(player).insert(Guild(1));
        of(None, None).give(&mut world.entity_mut(player), &before);
        assert!(world.get::<Guild>(player).is_some_and(|guild| guild.0 == 1));
    }
}

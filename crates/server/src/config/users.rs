//! `[users]`: who may exist.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use bevy_bouncer::User;

use super::{
    shape,
    value::{required, resolve},
};
use crate::problem::Problem;

/// Who may exist.
#[derive(Debug)]
pub enum UserSource {
    /// These.
    Fixed(Vec<User>),
    /// The rows of a database.
    Sqlite(PathBuf),
}

impl UserSource {
    /// Checks the section of a file in this folder.
    pub fn check(section: shape::Users, folder: &Path) -> Result<Self, Problem> {
        match (section.fixed, section.sqlite) {
            (Some(fixed), None) => Ok(Self::Fixed(fixed_users(fixed)?)),
            (None, Some(file)) => Ok(Self::Sqlite(resolve("users.sqlite", folder, file)?)),
            _ => Err(Problem::config(
                "users",
                "needs exactly one of fixed, sqlite",
            )),
        }
    }
}

fn fixed_users(fixed: Vec<shape::FixedUser>) -> Result<Vec<User>, Problem> {
    let mut seen = HashSet::new();
    let mut users = Vec::with_capacity(fixed.len());
    for (index, entry) in fixed.into_iter().enumerate() {
        let id = required(&format!("users.fixed[{index}].id"), entry.id)?;
        if !seen.insert(id.clone()) {
            return Err(Problem::config(
                format!("users.fixed[{index}].id"),
                format!("{id:?} is listed twice"),
            ));
        }
        let name = entry.name.unwrap_or_else(|| id.clone());
        let user = User::new(id, name)
            .and_then(|user| user.with_roles(entry.roles))
            .map_err(|error| Problem::config(format!("users.fixed[{index}]"), error))?;
        users.push(user);
    }
    Ok(users)
}

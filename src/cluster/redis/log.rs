//! The control log, a stream, and the list of the barred, a hash with a field for each subject.
//!
//! The fields have no time to live of their own: entries that have ended are removed when the list is
//! read as a whole, which every node does now and then. So the list can be read without a walk over all
//! keys of the database.

use std::time::Duration;

use redis::{
    aio::MultiplexedConnection, cmd, pipe, streams::StreamRangeReply, streams::StreamReadReply,
};

use super::{Keys, RedisBackplane, link::connect};
use crate::{
    cluster::{
        backplane::{BackplaneError, Issue, ListPage, LogBatch, LogEntry, LogPosition},
        decide,
    },
    revocation::{Revocation, Subject},
    util::{lock, unix_now},
};

/// Entries of the log, and subjects of the list, that are read with one question.
const PAGE: usize = 500;
/// Attempts to change a subject's entries while others change them too.
const ATTEMPTS: usize = 64;
/// Seconds for which an issue is known, so that it is not written again when only its answer was lost.
const NOTE_SECONDS: u64 = 3600;

impl RedisBackplane {
    pub(super) async fn issue(&self, issue: &Issue) -> Result<LogPosition, BackplaneError> {
        let entry = encode(issue)?;
        let note = self.keys.note(issue);
        let field = issue.decision.subject().map(encode).transpose()?;
        for _ in 0..ATTEMPTS {
            let (before, after) = match &field {
                Some(field) => self.change(field, issue).await?,
                None => Default::default(),
            };
            let mut call = self.scripts.issue.prepare_invoke();
            call.key(&self.keys.list).key(&self.keys.log).key(&note);
            call.arg(field.as_deref().unwrap_or_default());
            call.arg(before).arg(after).arg(&entry);
            call.arg(self.log_length).arg(NOTE_SECONDS);
            let written: String = self
                .link
                .with(async |mut redis| Ok(call.invoke_async(&mut redis).await?))
                .await?;
            if !written.is_empty() {
                return parse_position(&written);
            }
        }
        Err(BackplaneError(
            "too many nodes change these entries at once".to_owned(),
        ))
    }

    /// The entries of a subject as they are, and as they will be. Nothing stands for none.
    async fn change(&self, field: &str, issue: &Issue) -> Result<(String, String), BackplaneError> {
        let before: Option<String> = self
            .link
            .with(async |mut redis| {
                let read = cmd("HGET").arg(&self.keys.list).arg(field).to_owned();
                Ok(read.query_async(&mut redis).await?)
            })
            .await?;
        let held = before.as_deref().map_or(Ok(Vec::new()), decode)?;
        let after = match decide(held, &issue.decision, unix_now())? {
            none if none.is_empty() => String::new(),
            some => encode(&some)?,
        };
        Ok((before.unwrap_or_default(), after))
    }

    pub(super) async fn tail(&self) -> Result<LogPosition, BackplaneError> {
        let last: StreamRangeReply = self
            .link
            .with(async |mut redis| {
                let ends = Ends::of(&self.keys);
                Ok(ends.last.query_async(&mut redis).await?)
            })
            .await?;
        position_of(&last)
    }

    pub(super) async fn list(&self, cursor: Option<u64>) -> Result<ListPage, BackplaneError> {
        let (next, fields): (u64, Vec<(String, String)>) = self
            .link
            .with(async |mut redis| {
                let mut scan = cmd("HSCAN");
                scan.arg(&self.keys.list).arg(cursor.unwrap_or(0));
                scan.arg("COUNT").arg(PAGE);
                Ok(scan.query_async(&mut redis).await?)
            })
            .await?;
        let now = unix_now();
        let mut page = ListPage {
            subjects: Vec::with_capacity(fields.len()),
            next: (next != 0).then_some(next),
        };
        let mut ended = self.scripts.expire.prepare_invoke();
        ended.key(&self.keys.list);
        let mut any_ended = false;
        for (field, value) in &fields {
            let entries: Vec<Revocation> = decode(value)?;
            if entries
                .iter()
                .all(|entry| entry.until.is_some_and(|until| until <= now))
            {
                any_ended = true;
                ended.arg(field).arg(value);
            } else {
                page.subjects.push((decode(field)?, entries));
            }
        }
        if any_ended {
            let remove = async |mut redis: MultiplexedConnection| {
                Ok(ended.invoke_async::<()>(&mut redis).await?)
            };
            self.link.with(remove).await?;
        }
        Ok(page)
    }

    pub(super) async fn barred(
        &self,
        subjects: &[Subject],
    ) -> Result<Vec<Revocation>, BackplaneError> {
        let fields: Vec<String> = subjects.iter().map(encode).collect::<Result<_, _>>()?;
        let found: Vec<Option<String>> = self
            .link
            .with(async |mut redis| {
                let read = cmd("HMGET").arg(&self.keys.list).arg(&fields).to_owned();
                Ok(read.query_async(&mut redis).await?)
            })
            .await?;
        let mut entries = Vec::new();
        for value in found.into_iter().flatten() {
            entries.extend(decode::<Vec<Revocation>>(&value)?);
        }
        Ok(entries)
    }

    /// Reads on a connection of its own, because reading may block it.
    pub(super) async fn read(
        &self,
        after: LogPosition,
        wait: Duration,
    ) -> Result<LogBatch, BackplaneError> {
        let idle = lock(&self.reader).take();
        let mut redis = match idle {
            Some(redis) => redis,
            None => connect(&self.client).await?,
        };
        let Ends { first, last } = Ends::of(&self.keys);
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(PAGE);
        if !wait.is_zero() {
            read.arg("BLOCK").arg(wait.as_millis().max(1) as u64);
        }
        read.arg("STREAMS").arg(&self.keys.log);
        read.arg(format!("{}-{}", after.major, after.minor));
        let (first, last, news, now): (
            StreamRangeReply,
            StreamRangeReply,
            Option<StreamReadReply>,
            (u64, u64),
        ) = pipe()
            .add_command(first)
            .add_command(last)
            .add_command(read)
            .add_command(cmd("TIME"))
            .query_async(&mut redis)
            .await?;
        let now = Duration::from_secs(now.0) + Duration::from_micros(now.1);
        // When it failed or was given up, the connection is not used again.
        *lock(&self.reader) = Some(redis);

        let is_at_start = after == LogPosition::default();
        let gap = position_of(&last)? < after || (!is_at_start && position_of(&first)? > after);
        let mut entries = Vec::new();
        for entry in news
            .into_iter()
            .flat_map(|news| news.keys)
            .flat_map(|key| key.ids)
        {
            let text: Option<String> = entry.get("issue");
            let position = parse_position(&entry.id)?;
            entries.push(LogEntry {
                position,
                age: now.saturating_sub(Duration::from_millis(position.major)),
                issue: text.and_then(|text| serde_json::from_str(&text).ok()),
            });
        }
        Ok(LogBatch {
            complete: entries.len() < PAGE,
            entries,
            gap,
        })
    }
}

/// What reads the first and the last entry of the log.
struct Ends {
    first: redis::Cmd,
    last: redis::Cmd,
}

impl Ends {
    fn of(keys: &Keys) -> Self {
        let end = |command, from, to| {
            let mut end = cmd(command);
            end.arg(&keys.log).arg(from).arg(to).arg("COUNT").arg(1);
            end
        };
        Self {
            first: end("XRANGE", "-", "+"),
            last: end("XREVRANGE", "+", "-"),
        }
    }
}

fn position_of(end: &StreamRangeReply) -> Result<LogPosition, BackplaneError> {
    end.ids.first().map_or(Ok(LogPosition::default()), |entry| {
        parse_position(&entry.id)
    })
}

fn parse_position(text: &str) -> Result<LogPosition, BackplaneError> {
    let parse = || {
        let (major, minor) = text.split_once('-')?;
        Some(LogPosition {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    };
    parse().ok_or_else(|| BackplaneError("a position of the log cannot be read".to_owned()))
}

fn encode(value: &impl serde::Serialize) -> Result<String, BackplaneError> {
    serde_json::to_string(value).map_err(|error| BackplaneError(error.to_string()))
}

fn decode<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, BackplaneError> {
    serde_json::from_str(text)
        .map_err(|_| BackplaneError("an entry of the list cannot be read".to_owned()))
}

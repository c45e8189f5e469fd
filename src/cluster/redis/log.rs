//! The control log, a stream, and the list of the barred, a hash with a field for each subject.
//!
//! The fields have no time to live of their own: entries that have ended are removed when the list is
//! read as a whole, which every node does now and then. So the list can be read without a walk over all
//! keys of the database. What has ended is said by the clock of Redis: a node whose own is ahead takes
//! nothing from the others.

use std::time::Duration;

use redis::{
    Cmd, FromRedisValue,
    aio::MultiplexedConnection,
    cmd, pipe,
    streams::{StreamRangeReply, StreamReadReply},
};

use super::{Keys, RedisBackplane, link::connect, listed::Listed};
use crate::{
    cluster::{
        backplane::{BackplaneError, Issue, ListPage, LogBatch, LogEntry, LogPosition},
        decide,
    },
    revocation::{Decision, Revocation, Subject},
    util::lock,
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
        let read = cmd("HGET").arg(&self.keys.list).arg(field).to_owned();
        let (now, before): (u64, Option<String>) = self.ask_at(read).await?;
        let mut listed = before.as_deref().map(Listed::read).unwrap_or_default();
        if matches!(issue.decision, Decision::Restore(_)) {
            listed.strange.clear();
        }
        listed.entries = decide(listed.entries, &issue.decision, now)?;
        let after = listed.write()?;
        Ok((before.unwrap_or_default(), after))
    }

    /// What a command reads, and the unix second at which it does, by the clock that all nodes share.
    async fn ask_at<T: FromRedisValue>(&self, read: Cmd) -> Result<(u64, T), BackplaneError> {
        let ((now, _microseconds), found): ((u64, u64), T) = self
            .link
            .with(async |mut redis| {
                let mut both = pipe();
                both.cmd("TIME").add_command(read);
                Ok(both.query_async(&mut redis).await?)
            })
            .await?;
        Ok((now, found))
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

    /// The first node to ask after a loss gives the next epoch its number.
    pub(super) async fn epoch(&self) -> Result<u64, BackplaneError> {
        let number = getrandom::u64().map_err(|error| BackplaneError(error.to_string()))?;
        let mut set = cmd("SET");
        set.arg(&self.keys.epoch).arg(number).arg("NX").arg("GET");
        let known: Option<u64> = self.ask(&set).await?;
        Ok(known.unwrap_or(number))
    }

    pub(super) async fn list(&self, cursor: Option<u64>) -> Result<ListPage, BackplaneError> {
        let mut scan = cmd("HSCAN");
        scan.arg(&self.keys.list).arg(cursor.unwrap_or(0));
        scan.arg("COUNT").arg(PAGE);
        let (now, (next, fields)): (u64, (u64, Vec<(String, String)>)) = self.ask_at(scan).await?;
        let mut page = ListPage {
            subjects: Vec::with_capacity(fields.len()),
            next: (next != 0).then_some(next),
        };
        let mut ended = self.scripts.expire.prepare_invoke();
        ended.key(&self.keys.list);
        let mut any_ended = false;
        for (field, value) in &fields {
            let listed = Listed::read(value);
            if listed.has_ended(now) {
                any_ended = true;
                ended.arg(field).arg(value);
                continue;
            }
            // Who that is cannot be known, so it could be anybody: the list as a whole is of no use.
            let subject = decode(field).map_err(|_| unreadable("subject", field))?;
            if !listed.strange.is_empty() {
                tracing::error!(
                    ?subject,
                    "an entry of the list of the barred cannot be read: nobody of its subject comes in here"
                );
            }
            page.subjects.push((subject, listed.entries));
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
            let listed = Listed::read(&value);
            if let Some(strange) = listed.strange.first() {
                return Err(unreadable("entry", &strange.to_string()));
            }
            entries.extend(listed.entries);
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
        // The ends come last: the log may be trimmed, or lost, while the reading waits.
        let (news, first, last, now): (
            Option<StreamReadReply>,
            StreamRangeReply,
            StreamRangeReply,
            (u64, u64),
        ) = pipe()
            .add_command(read)
            .add_command(first)
            .add_command(last)
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

fn decode<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}

/// Names what of the list is not understood, as far as there is room for it in a log.
fn unreadable(what: &str, text: &str) -> BackplaneError {
    let text: String = text.chars().take(200).collect();
    BackplaneError(format!("of the list, this {what} cannot be read: {text}"))
}

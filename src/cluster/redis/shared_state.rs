//! Shared state: for each map a hash of its entries, sorted sets of their keys by version, by their end and of
//! removals, and a hash with what is known of the map as a whole.
//!
//! A version is the time of Redis in microseconds, or one more than the last: so versions can be compared also with those
//! from before Redis has lost its data. An entry is `version:decided:end:id:is-there:value`, with times in milliseconds.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use redis::{Script, ScriptInvocation};

use super::{RedisBackplane, millis};
use crate::cluster::{
    backplane::BackplaneError,
    shared_state::{
        StateChanges, StateCondition, StateEntry, StateMap, StatePosition, StateWrite,
        StateWritten, WhenFull,
    },
};

/// Entries that are read with one question, unless it is the whole map.
const PAGE: usize = 512;
/// Removals that a map remembers, and for how long: nodes that were behind by more read it as a whole.
const REMOVALS_MAX: usize = 1024;
const REMOVAL_MILLIS: u64 = 24 * 3600 * 1000;

/// The scripts, by their hash.
pub(super) struct StateScripts {
    write: Script,
    read: Script,
}

impl StateScripts {
    pub fn new() -> Self {
        Self {
            write: Script::new(&[BEGIN, WRITE].concat()),
            read: Script::new(&[BEGIN, READ].concat()),
        }
    }
}

/// Both scripts begin with this: it forgets what has ended, and gives the map an epoch when it has none. Keys: entries,
/// order, ends, removals, what is known of the map. First argument: an epoch by chance.
const BEGIN: &str = r"
local values, order, ends, removals, known = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
local function get(field) return tonumber(redis.call('HGET', known, field) or '0') end
redis.call('HSETNX', known, 'epoch', ARGV[1])
local function forget(key)
  redis.call('HDEL', values, key)
  redis.call('ZREM', order, key)
  redis.call('ZREM', ends, key)
  redis.call('ZREM', removals, key)
end
local function forget_untold(key)
  local version = tonumber(redis.call('ZSCORE', order, key) or '0')
  if version > get('floor') then redis.call('HSET', known, 'floor', text(version)) end
  forget(key)
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 1000)) do
  forget_untold(key)
end
";

/// Changes entries, each by itself. Arguments: epoch; entries that there may be; `forget` or `refuse`; removals that
/// there may be; milliseconds to keep one; and for each write: id, key, `1` or `0` for a removal, value, milliseconds to
/// keep it or 0, condition (`none`, `version`, `decided`), its number. Answers for each write: `taken`, version, decided;
/// or `conflict`, now, entry; or `full`.
const WRITE: &str = r"
local answers = {}
for i = 6, #ARGV, 7 do
  local id, key, there, value, lifetime = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[i + 4])
  local condition, number = ARGV[i + 5], tonumber(ARGV[i + 6])
  local held = redis.call('HGET', values, key)
  local version, decided = 0, 0
  if held then
    local v, d, e, t = string.match(held, '^(%d+):(%d+):(%d+):%d+:(%d):')
    local is_over = e ~= '0' and tonumber(e) <= now
    if t == '1' and not is_over then version, decided = tonumber(v), tonumber(d) else held = nil end
  end
  local is_full = not held and there == '1'
    and redis.call('HLEN', values) - redis.call('ZCARD', removals) >= tonumber(ARGV[2])
  if (condition == 'version' and version ~= number) or (condition == 'decided' and held and decided >= number) then
    table.insert(answers, { 'conflict', text(now), held or '' })
  elseif is_full and ARGV[3] == 'refuse' then
    table.insert(answers, { 'full', '', '' })
  else
    while is_full and redis.call('HLEN', values) - redis.call('ZCARD', removals) >= tonumber(ARGV[2]) do
      forget_untold(redis.call('ZRANGE', order, 0, 0)[1])
    end
    version = math.max(get('last') + 1, time[1] * 1000000 + time[2])
    decided = condition == 'decided' and number or version
    redis.call('HSET', known, 'last', text(version))
    forget(key)
    local last = 0
    if there == '0' then
      last = now + tonumber(ARGV[5])
      redis.call('ZADD', removals, text(version), key)
    elseif lifetime > 0 then
      last = now + lifetime
    end
    if last > 0 then redis.call('ZADD', ends, text(last), key) end
    local about = { text(version), text(decided), text(last), id, there, value }
    redis.call('HSET', values, key, table.concat(about, ':'))
    redis.call('ZADD', order, text(version), key)
    if redis.call('ZCARD', removals) > tonumber(ARGV[4]) then
      forget_untold(redis.call('ZRANGE', removals, 0, 0)[1])
    end
    table.insert(answers, { 'taken', text(version), text(decided) })
  end
end
return answers
";

/// What has changed. Arguments: epoch; the epoch that was read, or nothing; the version up to which it was read;
/// entries at most. Answers epoch, whether it is the whole map, now, the last version, whether that is all, and keys with
/// entries.
const READ: &str = r"
local epoch, last = redis.call('HGET', known, 'epoch'), get('last')
local found = {}
if ARGV[2] ~= epoch or tonumber(ARGV[3]) < get('floor') then
  local all = redis.call('HGETALL', values)
  for i = 1, #all, 2 do table.insert(found, { all[i], all[i + 1] }) end
  return { epoch, 1, text(now), text(last), 1, found }
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', order, '(' .. ARGV[3], '+inf', 'LIMIT', 0, ARGV[4])) do
  table.insert(found, { key, redis.call('HGET', values, key) })
end
local is_all = #found < tonumber(ARGV[4]) and 1 or 0
return { epoch, 0, text(now), text(last), is_all, found }
";

type ReadAnswer = (u64, u8, u64, u64, u8, Vec<(String, Vec<u8>)>);

impl RedisBackplane {
    pub(super) async fn write_map(
        &self,
        map: &StateMap,
        writes: &[StateWrite],
    ) -> Result<Vec<StateWritten>, BackplaneError> {
        let mut call = self.call(&self.state_scripts.write, &map.name)?;
        call.arg(map.entries);
        call.arg(match map.when_full {
            WhenFull::Refuse => "refuse",
            WhenFull::ForgetOldest => "forget",
        });
        call.arg(REMOVALS_MAX).arg(REMOVAL_MILLIS);
        for write in writes {
            let value = write.value.as_deref();
            call.arg(write.id).arg(&*write.key);
            call.arg(u8::from(value.is_some()));
            call.arg(value.unwrap_or_default());
            call.arg(write.lifetime.map_or(0, millis));
            let (condition, number) = match write.condition {
                StateCondition::None => ("none", 0),
                StateCondition::Version(version) => ("version", version),
                StateCondition::DecidedBefore(decided) => ("decided", decided),
            };
            call.arg(condition).arg(number);
        }
        let answers: Vec<(String, Vec<u8>, Vec<u8>)> = self.run(&call).await?;
        let answers = answers.into_iter().zip(writes);
        answers
            .map(|((kind, first, second), write)| match kind.as_str() {
                "taken" => Ok(StateWritten::Taken {
                    version: number(&first)?,
                    decided: number(&second)?,
                }),
                "conflict" if second.is_empty() => Ok(StateWritten::Conflict(None)),
                "conflict" => {
                    let is = entry(write.key.clone(), &second, number(&first)?)?;
                    Ok(StateWritten::Conflict(Some(is)))
                }
                "full" => Ok(StateWritten::Full),
                _ => Err(unreadable()),
            })
            .collect()
    }

    pub(super) async fn read_map(
        &self,
        name: &str,
        after: Option<StatePosition>,
    ) -> Result<StateChanges, BackplaneError> {
        let mut call = self.call(&self.state_scripts.read, name)?;
        match after {
            Some(after) => call.arg(after.epoch).arg(after.version),
            None => call.arg("").arg(0),
        };
        call.arg(PAGE);
        let (epoch, whole, now, last, complete, found): ReadAnswer = self.run(&call).await?;
        let found = found.into_iter();
        let entries = found.map(|(key, record)| entry(key.into(), &record, now));
        let mut entries: Vec<StateEntry> = entries.collect::<Result<_, _>>()?;
        entries.sort_unstable_by_key(|entry| entry.version);
        let complete = complete == 1;
        let read = entries.last().map_or(last, |entry| entry.version);
        Ok(StateChanges {
            entries,
            whole: whole == 1,
            position: StatePosition {
                epoch,
                version: if complete { last } else { read },
            },
            complete,
        })
    }

    /// A call with the keys of a map, and an epoch in case that it has none.
    fn call<'a>(
        &self,
        script: &'a Script,
        name: &str,
    ) -> Result<ScriptInvocation<'a>, BackplaneError> {
        let epoch = getrandom::u64().map_err(|error| BackplaneError(error.to_string()))?;
        let mut call = script.prepare_invoke();
        for part in ["entries", "order", "ends", "removals", "known"] {
            call.key(self.keys.state(name, part));
        }
        call.arg(epoch);
        Ok(call)
    }
}

fn entry(key: Arc<str>, record: &[u8], now: u64) -> Result<StateEntry, BackplaneError> {
    let mut parts = record.splitn(6, |byte| *byte == b':');
    let mut part = || parts.next().ok_or_else(unreadable);
    let (version, decided) = (number(part()?)?, number(part()?)?);
    let (end, id) = (number(part()?)?, number(part()?)?);
    let (there, value) = (part()?, part()?);
    let left = (end > 0).then(|| Duration::from_millis(end.saturating_sub(now)));
    let is_there = there == b"1" && left != Some(Duration::ZERO);
    Ok(StateEntry {
        key,
        value: is_there.then(|| Bytes::copy_from_slice(value)),
        version,
        decided,
        left,
        id,
    })
}

fn number(text: &[u8]) -> Result<u64, BackplaneError> {
    let text = str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(unreadable)
}

fn unreadable() -> BackplaneError {
    BackplaneError("shared state cannot be read".to_owned())
}

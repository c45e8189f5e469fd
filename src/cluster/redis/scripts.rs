//! What Redis does in one step.

use redis::Script;

/// The scripts, by their hash.
pub(super) struct Scripts {
    pub issue: Script,
    pub expire: Script,
    pub claim: Script,
    pub renew: Script,
    pub sessions: Script,
    pub report: Script,
}

impl Scripts {
    pub fn new() -> Self {
        Self {
            issue: Script::new(ISSUE),
            expire: Script::new(EXPIRE),
            claim: Script::new(CLAIM),
            renew: Script::new(RENEW),
            sessions: Script::new(SESSIONS),
            report: Script::new(REPORT),
        }
    }
}

/// Changes a subject's entries from what the caller has read, appends to the log, and notes the issue.
/// Keys: list, log, note. Arguments: field or nothing, entries before, entries after, log entry, length
/// of the log, seconds to keep the note. Answers the position, or nothing when the entries are others.
const ISSUE: &str = r"
local known = redis.call('GET', KEYS[3])
if known then return known end
if ARGV[1] ~= '' then
  if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return '' end
  if ARGV[3] == '' then
    redis.call('HDEL', KEYS[1], ARGV[1])
  else
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  end
end
local position = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', 'issue', ARGV[4])
redis.call('SET', KEYS[3], position, 'EX', ARGV[6])
return position
";

/// Removes entries that have all ended, unless they changed. Keys: list. Arguments: fields and entries.
const EXPIRE: &str = r"
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
";

/// Says how many players a node has, and forgets the names of nodes that have said nothing for long. Keys: the node's
/// number, the nodes. Arguments: players, milliseconds for which the number counts, seconds to keep the name, node.
const REPORT: &str = r"
local now = tonumber(redis.call('TIME')[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
return 'OK'
";

/// Takes a seat, as `registry/duplicate_login.rs` judges. Other seats of the claim's own node are that node's own
/// affair. Keys: the user's seats, the user's replacements, log, when the user's seats began. Arguments: node, connection, policy (`ask`,
/// `replace` or `limit`), sessions, sessions of this node, replacements per minute, milliseconds to keep the
/// seat, length of the log. Answers `yes`, `full`, or milliseconds to wait.
const CLAIM: &str = r#"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local node, member = ARGV[1], ARGV[1] .. ':' .. ARGV[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local others = {}
for _, held in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(held, 1, #node + 1) ~= node .. ':' then table.insert(others, held) end
end
local elsewhere = #others
if ARGV[3] == 'limit' and elsewhere + tonumber(ARGV[5]) > tonumber(ARGV[4]) then return 'full' end
if ARGV[3] == 'ask' then
  if elsewhere > 0 and tonumber(redis.call('GET', KEYS[2]) or '0') >= tonumber(ARGV[6]) then
    return tostring(math.max(redis.call('PTTL', KEYS[2]), 1))
  end
  return 'yes'
end
if ARGV[3] == 'replace' then
  if elsewhere > 0 and redis.call('INCR', KEYS[2]) == 1 then redis.call('PEXPIRE', KEYS[2], 60000) end
  for _, held in ipairs(others) do
    redis.call('ZREM', KEYS[1], held)
    redis.call('HDEL', KEYS[4], held)
    local their_node, connection = string.match(held, '^(.*):(%d+)$')
    local replace = '{"replace":{"node":"' .. their_node .. '","connection":' .. connection .. '}}'
    local issue = '{"number":0,"node":"' .. node .. '","decision":' .. replace .. '}'
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[8], '*', 'issue', issue)
  end
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[7]), member)
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('HSET', KEYS[4], member, string.format('%.0f', time[1] * 1000000 + time[2]))
redis.call('PEXPIRE', KEYS[4], ARGV[7])
return 'yes'
"#;

/// Keeps seats for longer. Keys: for each seat the user's seats, and when they began. Arguments: milliseconds to keep them,
/// and for each seat its name, and how many microseconds ago it was taken. Answers for each how many of the user's seats
/// began earlier, and how many there are.
const RENEW: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #KEYS, 2 do
  local seats, since, member, age = KEYS[i], KEYS[i + 1], ARGV[i + 1], tonumber(ARGV[i + 2])
  redis.call('ZREMRANGEBYSCORE', seats, '-inf', now)
  redis.call('ZADD', seats, now + tonumber(ARGV[1]), member)
  redis.call('PEXPIRE', seats, ARGV[1])
  redis.call('HSETNX', since, member, string.format('%.0f', time[1] * 1000000 + time[2] - age))
  redis.call('PEXPIRE', since, ARGV[1])
end
local places = {}
for i = 1, #KEYS, 2 do
  local seats, since, member = KEYS[i], KEYS[i + 1], ARGV[i + 1]
  local began, place, count = tonumber(redis.call('HGET', since, member)), 0, 0
  local all = redis.call('HGETALL', since)
  for j = 1, #all, 2 do
    local other, at = all[j], tonumber(all[j + 1])
    if not redis.call('ZSCORE', seats, other) then
      redis.call('HDEL', since, other)
    else
      count = count + 1
      if at < began or (at == began and other < member) then place = place + 1 end
    end
  end
  table.insert(places, { place, count })
end
return places
";

/// How many seats a user has. Keys: the user's seats.
const SESSIONS: &str = r"
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), '+inf')
";

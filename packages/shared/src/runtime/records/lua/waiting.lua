-- The queue in front: `ready` (fair order), `window` (pointers that wait or run in BullMQ),
-- `parked` (pointers that BullMQ delays). A queued or running record is in exactly one of them, a scheduled one in
-- `scheduled`, by its time; those that wait for a reference are in `aside` and, while queued, in none of the three.
--
-- Start-time fair queueing: a project's next song starts one share after its last one, or now if
-- the project has been idle; `v:` is the virtual time of each class, `f:` a project's last finish.
local CLASS = { interactive = 0, normal = 1, bulk = 2 }
local CLASS_SPAN = 17592186044416 -- 2^44 shares per class keep scores exact in a double

local function window_room(priority)
  local size = tonumber(redis.call('GET', root .. 'window-size') or '20')
  -- A listener waits for an interactive song, so it may enter a window that backlog has filled.
  if priority == 'interactive' then size = size * 2 end
  return size - redis.call('ZCARD', root .. 'window')
end

local function start_tag(g)
  local v = tonumber(redis.call('HGET', root .. 'fair', 'v:' .. g.priority) or '0')
  local f = tonumber(redis.call('HGET', root .. 'fair', 'f:' .. g.priority .. ':' .. g.project) or '0')
  local start = math.max(v, f)
  redis.call('HSET', root .. 'fair', 'f:' .. g.priority .. ':' .. g.project, int(start + 1))
  return start
end

-- Puts a record in line. True when BullMQ's window had room, so that the caller adds the pointer.
local function enqueue(g, now)
  local start = start_tag(g)
  if window_room(g.priority) > 0 and redis.call('ZCARD', root .. 'ready') == 0 then
    redis.call('ZADD', root .. 'window', int(now), g.id)
    redis.call('HSET', root .. 'fair', 'v:' .. g.priority, int(start))
    return true
  end
  redis.call('ZADD', root .. 'ready', int(CLASS[g.priority] * CLASS_SPAN + start), g.id)
  redis.call('HINCRBY', root .. 'fair', 'n:' .. g.priority .. ':' .. g.project, 1)
  return false
end

-- One fewer in `ready`. A project that took its whole backlog back owes nothing for it.
local function left_ready(g, canceled)
  local field = 'n:' .. g.priority .. ':' .. g.project
  if redis.call('HINCRBY', root .. 'fair', field, -1) <= 0 then
    redis.call('HDEL', root .. 'fair', field)
    if canceled then redis.call('HDEL', root .. 'fair', 'f:' .. g.priority .. ':' .. g.project) end
  end
end

local function leave_queue(g)
  if redis.call('ZREM', root .. 'ready', g.id) == 1 then left_ready(g, true) end
  redis.call('ZREM', root .. 'window', g.id)
  redis.call('ZREM', root .. 'parked', g.id)
  redis.call('ZREM', root .. 'scheduled', g.id)
  redis.call('ZREM', root .. 'deadlines', g.id)
  if redis.call('ZREM', root .. 'aside', g.id) == 1 then
    for _, reference in ipairs({ 'voice_reference', 'instrumental_reference' }) do
      redis.call('ZREM', root .. 'rw:' .. (redis.call('HGET', g.key, reference) or ''), g.id)
    end
  end
end

local function park(g, due)
  redis.call('ZREM', root .. 'window', g.id)
  redis.call('ZADD', root .. 'parked', int(due), g.id)
end

-- A claimed one is in the window, wherever it stood: parked, or in `ready` because Redis forgot that it was fed.
local function leave_line(g, now)
  redis.call('ZREM', root .. 'parked', g.id)
  if redis.call('ZREM', root .. 'ready', g.id) == 1 then left_ready(g, false) end
  redis.call('ZADD', root .. 'window', 'NX', int(now), g.id)
end

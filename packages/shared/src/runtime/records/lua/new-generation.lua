-- A new generation: its record, its indexes, its place in line.
-- at: where in ARGV its id, priority, model, policy, not before, first call by and request stand
-- named: its request, when it may name references  batch, index: where it belongs, or nil
-- Answers 1 (add its pointer now), 0 (the feeder will) or s (it is scheduled).
local function create_generation(at, project, ordinal, named, idempotency, batch, index, now)
  local g = { id = ARGV[at], key = root .. 'g:' .. ARGV[at], project = project, run = 1, ordinal = int(ordinal), priority = ARGV[at + 1], batch = batch }
  -- created_at is the time in the ordinal, which may run ahead of the clock: so lists bound by time agree with it.
  redis.call('HSET', g.key, 'project', project, 'run', 1, 'ordinal', g.ordinal, 'created_at', int(math.floor(ordinal / 1000)), 'priority', g.priority,
    'model', ARGV[at + 2], 'policy', ARGV[at + 3], 'request', ARGV[at + 6])
  if idempotency then redis.call('HSET', g.key, 'idempotency', idempotency) end
  if batch then redis.call('HSET', g.key, 'batch_id', batch, 'batch_index', index) end
  redis.call('ZADD', root .. 'l:' .. project, g.ordinal, g.id)
  local run_at, start_by = tonumber(ARGV[at + 4]), ARGV[at + 5]
  if start_by ~= '0' then redis.call('ZADD', root .. 'deadlines', start_by, g.id) end
  if named then note_references(g, named) end
  if run_at > now then
    redis.call('ZADD', root .. 'scheduled', int(run_at), g.id)
    transition(g, 'scheduled', now)
    if named then await_references(g, now) end
    return 's', g
  end
  transition(g, 'queued', now)
  return (named and line_up or enqueue)(g, now) and '1' or '0', g
end

-- How it is answered again.
local function place_of(id)
  local scheduled = redis.call('ZSCORE', root .. 'scheduled', id)
  return scheduled and 's' or redis.call('ZSCORE', root .. 'window', id) and '1' or '0'
end

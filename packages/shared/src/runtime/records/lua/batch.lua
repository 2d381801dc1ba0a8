-- Batches: `b:<id>` holds options, counters and cost, `bl:<project>` lists them by ordinal, `ingesting` those whose items
-- are not all recorded yet. Items are named by batch and index, so there is no index of them.
--   n:<count>      how many items are in each count; the ones not yet recorded are in n:queued. `open` = n:queued + n:processing
--   valid, ingested, offset   items of the spool, how many of them are recorded, and where in it the next one begins
--   c:<model>:<n|charged|unknown>   items, and calls by charge, for the cost
--   canceling      there while a cancel goes through the items: none of them starts, and those still to be recorded are canceled
--   cancel_asked   1 since a cancel was asked for; it decides how the batch ends
--   actions        how many cancels, retries and resolves go through the items now: the batch ends when they are done
--                  (whoever ends the last of them calls settle_batch), not between two items
local BATCH_COUNT = { scheduled = 'n:queued', queued = 'n:queued', processing = 'n:processing', succeeded = 'n:succeeded',
  failed = 'n:failed', canceled = 'n:canceled', needs_review = 'n:needs_review' }

local function begin_batch(id, key, project, ordinal, valid, skipped)
  redis.call('ZADD', root .. 'bl:' .. project, ordinal, id)
  redis.call('ZADD', root .. 'ingesting', ordinal, id)
  redis.call('HSET', key, 'project', project, 'status', 'ingesting', 'sequence', 1, 'ordinal', ordinal, 'total', valid + skipped,
    'valid', valid, 'skipped', skipped, 'ingested', 0, 'offset', 0, 'n:queued', valid, 'n:processing', 0, 'n:succeeded', 0,
    'n:failed', 0, 'n:canceled', 0, 'n:needs_review', 0, 'open', valid)
end

local function batch_end_of(f)
  if f.cancel_asked and f.canceled > 0 then return 'canceled' end
  if f.succeeded == 0 then return 'failed' end
  if f.succeeded == f.total then return 'completed' end
  return 'completed_with_errors'
end

local function batch_hook(project, text, kind)
  local webhook = text and text ~= '' and cjson.decode(text)
  for _, event in ipairs(webhook and webhook.events or {}) do
    if event == kind then
      local origin = string.match(webhook.url, '^%a+://[^/?]+') or webhook.url
      return { url = webhook.url, target = string.sub(redis.sha1hex(project .. ' ' .. origin), 1, 20) }
    end
  end
end

-- Ends a batch of which nothing is open, also one that had ended before: each end is an event of its own.
local function settle_batch(id, key, now)
  local f = redis.call('HMGET', key, 'project', 'total', 'n:succeeded', 'n:canceled', 'cancel_asked', 'webhook', 'open', 'actions')
  if not f[1] or tonumber(f[7]) > 0 or tonumber(f[8] or '0') > 0 then return end
  local to = batch_end_of({ total = tonumber(f[2]), succeeded = tonumber(f[3]), canceled = tonumber(f[4]), cancel_asked = f[5] })
  local ends = redis.call('HINCRBY', key, 'ends', 1)
  local sequence = redis.call('HINCRBY', key, 'sequence', 1)
  redis.call('HSET', key, 'status', to, 'finished_at', int(now))
  redis.call('ZADD', root .. 'keep:batches', int(now), id)
  local kind = to == 'canceled' and 'batch.canceled' or 'batch.completed'
  announce(kind, 'id', id, 'project', f[1], 'sequence', sequence, 'status', to)
  owe({ project = f[1], type = kind, subject = id, name = id .. ' ' .. ends .. ' ' .. kind, key = key }, batch_hook(f[1], f[6], kind), nil, now)
end

local function reopen_batch(id, key)
  if redis.call('ZREM', root .. 'keep:batches', id) == 0 then return end
  redis.call('HSET', key, 'status', 'processing')
  redis.call('HDEL', key, 'finished_at')
end

-- An item went from one status to another. It was counted as queued before it had any.
local function move_in_batch(id, from, to, now)
  local key = root .. 'b:' .. id
  local before, after = BATCH_COUNT[from or 'queued'], BATCH_COUNT[to]
  if before == after or redis.call('EXISTS', key) == 0 then return end
  redis.call('HINCRBY', key, before, -1)
  redis.call('HINCRBY', key, after, 1)
  redis.call('HINCRBY', key, 'sequence', 1)
  local was_open, is_open = not SETTLED[from or 'queued'], not SETTLED[to]
  if was_open == is_open then
    if not is_open then settle_batch(id, key, now) end
    return
  end
  local open = redis.call('HINCRBY', key, 'open', is_open and 1 or -1)
  if is_open then reopen_batch(id, key)
  elseif open == 0 then settle_batch(id, key, now) end
end

-- What a call cost became known, or otherwise known.
local function charge_in_batch(id, model, before, after)
  local key = root .. 'b:' .. id
  if before == after or redis.call('EXISTS', key) == 0 then return end
  local counted = { charged = true, unknown = true }
  if counted[before] then redis.call('HINCRBY', key, 'c:' .. model .. ':' .. before, -1) end
  if counted[after] then redis.call('HINCRBY', key, 'c:' .. model .. ':' .. after, 1) end
end

-- Every item of the spool is recorded, or never will be.
local function end_ingest(id, key)
  redis.call('ZREM', root .. 'ingesting', id)
  if redis.call('HGET', key, 'finished_at') then return end
  redis.call('HSET', key, 'status', 'processing')
  redis.call('HINCRBY', key, 'sequence', 1)
end

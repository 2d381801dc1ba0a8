-- Actions under way on a whole batch: `actions` of its hash counts them, `canceling` names the one that cancels it.
local function count_of(key, fields)
  local sum = 0
  for _, count in ipairs(redis.call('HMGET', key, unpack(fields))) do sum = sum + tonumber(count or '0') end
  return sum
end

-- Nil: go ahead; busy: it is being canceled, or is not settled and cannot be deleted; nothing: no item is as the action wants it; else the id of an action
-- that does the same already.
local function begin_batch_action(batch, id, action, fields)
  local key = root .. 'b:' .. batch
  local canceling = redis.call('HGET', key, 'canceling')
  if canceling then return action == 'cancel' and canceling or 'busy' end
  if action == 'delete' then
    if redis.call('EXISTS', key) == 0 then return 'nothing' end
    if not redis.call('HGET', key, 'finished_at') then return 'busy' end
    -- Gone at once; what is left to do are its items.
    erase_batch(batch)
    return nil
  end
  if count_of(key, fields) == 0 then return 'nothing' end
  redis.call('HINCRBY', key, 'actions', 1)
  redis.call('HINCRBY', key, 'sequence', 1)
  if action == 'cancel' then redis.call('HSET', key, 'canceling', id, 'cancel_asked', 1) end
  -- It is not settled from here on, so that whoever waits for the end does not take the old one for it.
  reopen_batch(batch, key)
end

local function end_batch_action(batch, id, now)
  local key = root .. 'b:' .. batch
  if redis.call('EXISTS', key) == 0 then return end
  if redis.call('HGET', key, 'canceling') == id then redis.call('HDEL', key, 'canceling') end
  if redis.call('HINCRBY', key, 'actions', -1) > 0 then return end
  redis.call('HDEL', key, 'actions')
  if not redis.call('HGET', key, 'finished_at') then settle_batch(batch, key, now) end
end

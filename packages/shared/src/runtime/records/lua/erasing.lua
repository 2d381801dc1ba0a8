-- A record goes for good: its indexes, itself, and (a day later) its idempotency keys.
local function erase_record(g)
  -- The caller removes the files now; this remembers them should it die first.
  redis.call('SADD', root .. 'sweep', g.id)
  local keys = redis.call('HMGET', g.key, 'idempotency', 'idempotency_reopen')
  for hash in string.gmatch((keys[1] or '') .. ' ' .. (keys[2] or ''), '%S+') do
    redis.call('EXPIRE', root .. 'i:' .. hash, 86400)
  end
  redis.call('ZREM', root .. 'l:' .. g.project, g.id)
  redis.call('ZREM', root .. 'l:' .. g.project .. ':' .. g.status, g.id)
  keep_in(g.id, nil)
  -- What was to be told of it holds its text, too.
  forget_deliveries_of(g.id)
  redis.call('DEL', g.key)
end

-- A batch goes for good, with the file of its items; its generations go by themselves.
local function erase_batch(id)
  local key = root .. 'b:' .. id
  local f = redis.call('HMGET', key, 'project', 'idempotency')
  redis.call('ZREM', root .. 'keep:batches', id)
  if not f[1] then return end
  redis.call('SADD', root .. 'sweep', id)
  if f[2] and f[2] ~= '' then redis.call('EXPIRE', root .. 'i:' .. f[2], 86400) end
  redis.call('ZREM', root .. 'bl:' .. f[1], id)
  forget_deliveries_of(id)
  redis.call('DEL', key)
end

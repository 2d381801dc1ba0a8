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

-- The caller's key of an action that makes no record of its own: i:<hash> says for a day what was asked, and who did it.
-- An action that is refused does not use it up, so it is kept only when the action is done, in the same step.
local function action_before(hash, fingerprint)
  if hash == '' then return nil end
  local f = redis.call('HMGET', root .. 'i:' .. hash, 'fingerprint', 'id')
  if f[1] == fingerprint then return 'replayed', f[2] end
  return f[1] and 'key_reused' or nil
end

local function keep_action_key(hash, fingerprint, id)
  if hash == '' then return end
  redis.call('HSET', root .. 'i:' .. hash, 'fingerprint', fingerprint, 'id', id)
  redis.call('EXPIRE', root .. 'i:' .. hash, 86400)
end

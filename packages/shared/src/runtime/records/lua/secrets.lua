-- Secrets that sign: the newest, and those before it until their time is over.
local function old_secrets_of(key, now)
  local valid = {}
  for _, old in ipairs(cjson.decode(redis.call('HGET', key, 'old_secrets') or '[]')) do
    if old['until'] > now then valid[#valid + 1] = old end
  end
  return valid
end

local function secrets_of(key, now)
  local secrets = { redis.call('HGET', key, 'secret') }
  for _, old in ipairs(old_secrets_of(key, now)) do secrets[#secrets + 1] = old.secret end
  return secrets
end

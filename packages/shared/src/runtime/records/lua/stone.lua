-- What is left of an erased generation: ids and money as one short string. A call that was open when it was erased
-- ends there; its token stays until its charge is known.
local function read_stone(id)
  local text = redis.call('GET', root .. 'x:' .. id)
  return text and cjson.decode(text) or nil
end

-- What a stone keeps of an attempt.
local function stone_of(a)
  local kept = { number = a.number, run = a.run, outcome = a.outcome, charge = a.charge, started_at = a.started_at }
  if not a.finished_at then kept.worker = a.worker end
  if not a.finished_at or a.charge == 'unknown' then kept.token = a.token end
  return kept
end

local function settle_stone(id, token, outcome, charge)
  local stone = read_stone(id)
  for _, a in ipairs(stone and stone.attempts or {}) do
    if a.token == token and (not a.charge or a.charge == 'unknown' and charge ~= 'unknown') then
      local before = a.charge
      a.outcome, a.charge, a.worker = outcome, charge, nil
      if charge ~= 'unknown' then a.token = nil end
      if stone.batch then charge_in_batch(stone.batch, stone.model, before, charge) end
      redis.call('SET', root .. 'x:' .. id, cjson.encode(stone), 'KEEPTTL')
      redis.call('ZREM', root .. 'calls', id)
    end
  end
end

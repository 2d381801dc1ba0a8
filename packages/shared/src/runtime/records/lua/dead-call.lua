-- A call whose worker is dead. Nothing marks "the request was sent", so nothing proves that it was not.
local DEAD_CALL = { counts = 'both_limits', charge = 'unknown', error = 'unknown_charge', upstream = '',
  message = 'the worker died during the call; it may have been billed' }

-- True when that ended the run.
local function close_dead_call(g, a, limits, now)
  close_attempt(g, a, 'unknown', 'unknown', '', now)
  if g.token ~= a.token then return false end
  clear_intent(g)
  redis.call('HDEL', g.key, 'rl_since')
  -- A call of an older run is on record, but the budgets of this run are its own.
  return a.run == g.run and not SETTLED[g.status] and judge(g, DEAD_CALL, limits, now)
end

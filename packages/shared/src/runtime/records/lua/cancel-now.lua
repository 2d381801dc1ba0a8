-- Canceled at once, wherever it waits; a call already sent is paid and left to finish.
local function cancel_now(g, now)
  redis.call('HSET', g.key, 'error', cjson.encode({ code = 'canceled', message = 'canceled on request', retryable = true }))
  redis.call('HDEL', g.key, 'not_before', 'wait_reason', 'rl_since')
  leave_queue(g)
  transition(g, 'canceled', now)
end

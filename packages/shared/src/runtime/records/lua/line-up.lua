-- Generations that name references: in line once every one of them has given its id, aside until then. `aside` holds
-- those that wait (scheduled ones, too), `rw:<reference>` the same for each reference.
local NAMED = {
  { reference = 'voice_reference', id = 'voice_id', upstream = 'refer_voice', purpose = 'voice' },
  { reference = 'instrumental_reference', id = 'instrumental_id', upstream = 'refer_instrumental', purpose = 'instrumental' },
}

-- The request, when it may name references or ids that we obtained; nil when it cannot.
local function named_in(text)
  local ours = string.find(text, '_reference":"ref_', 1, true)
  return (ours or redis.call('EXISTS', root .. 'obtained') == 1) and cjson.decode(text) or nil
end

-- Adds a pointer and a code for each one that is not the project's own or cannot give what it is named for.
local function named_faults(project, request, faults)
  local function add(field, code)
    faults[#faults + 1] = '/' .. field
    faults[#faults + 1] = code
  end
  for _, each in ipairs(NAMED) do
    local reference = request[each.reference]
    if reference then
      local f = redis.call('HMGET', root .. 'r:' .. reference, 'project', 'purpose')
      if f[1] ~= project then add(each.reference, 'unknown_reference')
      elseif f[2] ~= each.purpose and f[2] ~= 'song' then add(each.reference, 'wrong_purpose') end
    end
    local owner = redis.call('HGET', root .. 'obtained', request[each.upstream] or '')
    if owner and owner ~= project then add(each.upstream, 'foreign_id') end
  end
end

local function note_references(g, request)
  for _, each in ipairs(NAMED) do
    if request[each.reference] then redis.call('HSET', g.key, each.reference, request[each.reference]) end
  end
end

-- Takes the ids of what succeeded into the request. ready | waits | failed (it failed, because a reference did).
local function await_references(g, now)
  local references = redis.call('HMGET', g.key, NAMED[1].reference, NAMED[2].reference)
  if not references[1] and not references[2] then return 'ready' end
  local failed, waits
  for i, each in ipairs(NAMED) do
    local reference = references[i]
    if reference then
      local f = redis.call('HMGET', root .. 'r:' .. reference, 'status', each.id)
      if f[1] == 'succeeded' and f[2] then
        local request = cjson.decode(redis.call('HGET', g.key, 'request'))
        request[each.upstream] = f[2]
        redis.call('HSET', g.key, 'request', cjson.encode(request))
        redis.call('HDEL', g.key, each.reference)
        redis.call('ZREM', root .. 'rw:' .. reference, g.id)
      elseif f[1] == 'queued' or f[1] == 'processing' then
        redis.call('ZADD', root .. 'rw:' .. reference, g.ordinal, g.id)
        waits = true
      else
        failed = reference
      end
    end
  end
  if failed then
    -- Its fields stay, so that a retry waits for the reference again.
    redis.call('ZADD', root .. 'aside', g.ordinal, g.id)
    leave_queue(g)
    redis.call('HSET', g.key, 'error',
      cjson.encode({ code = 'reference_failed', message = failed .. ' could not be uploaded', retryable = true }))
    transition(g, 'failed', now)
    return 'failed'
  end
  redis.call(waits and 'ZADD' or 'ZREM', root .. 'aside', unpack(waits and { g.ordinal, g.id } or { g.id }))
  return waits and 'waits' or 'ready'
end

-- Puts a record in line, or aside. True when BullMQ's window had room, so that the caller adds the pointer.
local function line_up(g, now)
  return await_references(g, now) == 'ready' and enqueue(g, now)
end

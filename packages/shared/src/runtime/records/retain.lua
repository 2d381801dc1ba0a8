--[[
retain: one page of settled generations whose time has come. Whole records are packed into one string, songs
        that were kept long enough are given to the sweep of storage, and in the end records go. The time of a batch's
        songs and records begins when the batch ends; batches go like records.
keys:   1 root of our keys
args:   1 settled (to pack) | songs (to remove) | records | batches (to erase)  2 ms since they finished  3 most at once
answer: how many it handled
twice:  handles the next ones
arrows: none
]]
-- @include record.lua
-- @include erasing.lua
local set, age, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local key = root .. 'keep:' .. set
local now = clock()

-- Fields that nobody asks for once a record is an hour old, and what others say, too: `created_at` is in the
-- ordinal and `t:` in the attempts.
local function is_left_out(name, value)
  return value == '' or name == 'created_at' or name == 'operation' or name == 'settled_by' or string.sub(name, 1, 2) == 't:'
end

local CODES = {}
for code, word in pairs(packed_codes()) do CODES[word] = code end

-- Fields and values with byte 31 between them. Before them stand three words of this record alone, which are bytes
-- 27 to 29 in the rest: how its times begin, and its song's token and trace. Byte 30 is its id, lower ones begin
-- frequent words. Nil when something holds such a byte itself: JSON never does, so the record stays as it is.
local function packed(g)
  local fields = redis.call('HGETALL', g.key)
  local parts = {}
  for i = 1, #fields, 2 do
    -- Whose batch it is stays a field of its own: `retain` asks for it when the song's time has come.
    if fields[i] ~= 'batch_id' and not is_left_out(fields[i], fields[i + 1]) then
      parts[#parts + 1] = fields[i]
      parts[#parts + 1] = fields[i + 1]
    end
  end
  local text = table.concat(parts, '\31')
  if string.find(text, '[\1-\30]') then return nil end
  local song = g.song and cjson.decode(g.song) or {}
  local time, token, trace = string.sub(g.ordinal, 1, 7), song.token or '', song.trace_id
  if type(trace) ~= 'string' then trace = '' end
  local own = { [token] = '\28', [trace] = '\29' }
  text = string.gsub(text, g.id, '\30')
  text = string.gsub(text, '"[%l_%d]+":"?', CODES)
  text = string.gsub(text, '[%w_]+', function(word) return own[word] or CODES[word] end)
  text = string.gsub(text, time, '\27')
  return table.concat({ time, token, trace, text }, '\31')
end

local function pack(g, finished_at)
  local text = packed(g)
  if text then
    redis.call('DEL', g.key)
    redis.call('HSET', g.key, 'packed', text)
    if g.batch then redis.call('HSET', g.key, 'batch_id', g.batch) end
  end
  keep_in(g.id, g.status == 'succeeded' and 'songs' or 'records', finished_at)
end

local HOUR_MS = 3600000
-- The time from which a song or record is kept, when that is later than was thought; nil when its time has come.
local function kept_from(id, finished_at)
  local batch = redis.call('HGET', root .. 'g:' .. id, 'batch_id')
  if not batch then return nil end
  local f = redis.call('HMGET', root .. 'b:' .. batch, 'project', 'finished_at')
  -- A batch that is open is looked at again in an hour.
  local from = f[1] and tonumber(f[2] or int(now - age + HOUR_MS)) or 0
  return from > tonumber(finished_at) and from > now - age and from or nil
end

local page = redis.call('ZRANGEBYSCORE', key, '-inf', int(now - age), 'WITHSCORES', 'LIMIT', 0, most)
for i = 1, #page, 2 do
  local id = page[i]
  local later = (set == 'songs' or set == 'records') and kept_from(id, page[i + 1])
  if later then
    redis.call('ZADD', key, int(later), id)
  elseif set == 'batches' then
    erase_batch(id)
  elseif set == 'songs' then
    redis.call('SADD', root .. 'sweep', id)
    keep_in(id, 'records', page[i + 1])
  else
    local g = load(id)
    if not g then keep_in(id, nil)
    elseif set == 'settled' then pack(g, page[i + 1])
    else erase_record(g) end
  end
end
return { #page / 2 }

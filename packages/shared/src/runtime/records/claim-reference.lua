--[[
claim-reference: decides whether a worker may upload a reference now. An upload costs nothing, but a held account
        stops it, too; it may be the probe.
keys:   1 root of our keys
args:   1 id  2 run  3 token made by the worker  4 worker  5 lease in ms  6 longest upload in ms  7 MAX_ATTEMPTS
answer: claimed, attempts counted in this run, purpose, name of the file, key in storage, bytes
        gone (no record) | done (settled, or an older run) | early, ms | busy, ms (another worker uploads) | held, ms
twice:  the same token answers as before
arrows: none
]]
-- @include record.lua
-- @include holds.lua
-- @include reference.lua
local id, run, token, worker = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local lease, longest, most = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local r = load_reference(id)
if not r then return { 'gone' } end
local now = clock()

local function claimed()
  local f = redis.call('HMGET', r.key, 'purpose', 'filename', 'file', 'bytes')
  return { 'claimed', r.counted, f[1], f[2], f[3], f[4] }
end

if r.token == token then return claimed() end
if reference_settled(r) or r.run ~= run then return { 'done' } end
if r.not_before > now then return { 'early', r.not_before - now } end
if r.token then
  local lives = alive_for(r.worker, lease, now)
  if lives > 0 then return { 'busy', math.max(lives, 100) } end
  redis.call('HDEL', r.key, 'token', 'worker')
  local died = { counts = 'max_attempts', error = 'upstream_unavailable', upstream = '', message = 'the worker died during the upload' }
  if count_failure(r, died, most, now) then return { 'done' } end
  move_reference(r, 'queued', now)
end
-- Another one met a limit of the upstream.
local limited = redis.call('PTTL', root .. 'uploads-wait')
if limited > 0 then return { 'early', limited } end
local h = read_hold('account')
if h then
  if probe_open(h, lease, now) then return { 'held', 1000 } end
  if h.next_probe_at > now then return { 'held', int(ask_again(h.next_probe_at - now, 'uploads')) } end
  if h.tripped_by == id and redis.call('ZCARD', root .. 'window') > 0 then
    -- Once: whoever else takes the probe first says more.
    redis.call('HDEL', hold_key('account'), 'tripped_by')
    return { 'held', 500 }
  end
  redis.call('HSET', hold_key('account'), 'probe', token, 'probe_until', int(now + longest + 5000), 'prober', worker)
end
redis.call('HSET', r.key, 'token', token, 'worker', worker, 'started_at', int(now))
redis.call('HDEL', r.key, 'not_before')
move_reference(r, 'processing', now)
return claimed()

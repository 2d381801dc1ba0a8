--[[
owe: an event that no other script makes: the ping to an endpoint, or something that operators are told.
keys:   1 root of our keys
args:   1 type  2 subject  3 what makes it this event and no other  4 what is told, as a JSON list of names and values
        5 project ('' = operators)  6 the one endpoint that is told ('' = all that asked for it)
        7 ms by which the clock runs ahead (0 but in tests)
answer: id of the last delivery made ('' = none)
twice:  the same name makes no further event
arrows: none
]]
-- @include record.lua
local only = ARGV[6] ~= '' and ARGV[6] or nil
local event = { project = ARGV[5], type = ARGV[1], subject = ARGV[2], name = ARGV[3], snapshot = cjson.decode(ARGV[4]) }
return { owe(event, nil, only, clock() + tonumber(ARGV[7])) or '' }

/**
 * The limits in Redis, each script one atomic step. Time is the server's own, so clocks of gateways do not matter.
 * KEYS[1] is a hash with two budgets (level and time of each), KEYS[2] a sorted set of leases by their end. Both end
 * by themselves: the hash when its budgets are full again, the set with its last lease. The first command that writes
 * is one that Redis refuses when it is out of memory, so a script runs whole or not at all.
 */
const BUDGETS = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)

local function level(name, perMinute)
  local held = redis.call('HMGET', KEYS[1], name, name .. '_at')
  local value = tonumber(held[1])
  if not value then return perMinute end
  local elapsed = math.max(0, now - tonumber(held[2]))
  return math.min(perMinute, value + elapsed / 60000 * perMinute)
end

local function store(name, value, perMinute)
  redis.call('HSET', KEYS[1], name, string.format('%.6f', value), name .. '_at', now)
  local resetMs = math.ceil((perMinute - value) / perMinute * 60000)
  if redis.call('PTTL', KEYS[1]) < resetMs + 1000 then redis.call('PEXPIRE', KEYS[1], resetMs + 1000) end
end
`;

/**
 * ARGV: requests and tokens a minute, answers at once (each 0 for no limit), tokens, lease, its milliseconds, owed
 * requests and tokens. Returns what denies it ('' for nothing), the wait in ms, and both levels as text.
 */
export const TAKE = `${BUDGETS}
local rpm, tpm, streams = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tokens, lease, leaseMs = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local requestsLeft = rpm > 0 and level('requests', rpm) - tonumber(ARGV[7]) or 0
local tokensLeft = tpm > 0 and level('tokens', tpm) - tonumber(ARGV[8]) or 0

local function waitMs(left, amount, perMinute)
  if perMinute == 0 then return 0 end
  return math.max(0, math.ceil((math.min(amount, perMinute) - left) / perMinute * 60000))
end

local denied, wait = '', waitMs(requestsLeft, 1, rpm)
if wait > 0 then
  denied = 'requests'
else
  wait = waitMs(tokensLeft, tokens, tpm)
  if wait > 0 then denied = 'tokens' end
end
if denied == '' and streams > 0 then
  if redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf') >= streams then denied = 'streams' end
end
if denied == '' then
  requestsLeft = requestsLeft - 1
  tokensLeft = tokensLeft - tokens
  if streams > 0 then
    redis.call('ZADD', KEYS[2], now + leaseMs, lease)
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
    redis.call('PEXPIRE', KEYS[2], leaseMs)
  end
end
if rpm > 0 then store('requests', requestsLeft, rpm) end
if tpm > 0 then store('tokens', tokensLeft, tpm) end
return { denied, wait, string.format('%.6f', requestsLeft), string.format('%.6f', tokensLeft) }
`;

/** ARGV: lease, tokens more than taken, tokens a minute (0 for no limit). */
export const SETTLE = `${BUDGETS}
redis.call('ZREM', KEYS[2], ARGV[1])
local tpm = tonumber(ARGV[3])
if tpm > 0 then store('tokens', math.min(tpm, level('tokens', tpm) - tonumber(ARGV[2])), tpm) end
`;

/** KEYS[1]: leases. ARGV: milliseconds, then the leases that go on; one that was lost is there again. */
export const RENEW = `
local t = redis.call('TIME')
local ends = t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[1]
for at = 2, #ARGV do redis.call('ZADD', KEYS[1], ends, ARGV[at]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
`;

/** KEYS[1]: gateways. ARGV: own name, milliseconds that it counts. Returns how many there are. */
export const PRESENT = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
`;

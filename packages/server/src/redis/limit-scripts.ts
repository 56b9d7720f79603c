import { type CommandParser, defineScript } from '@redis/client';

// Redis runs a script as one step, and by its own clock: those of the nodes may differ.

const takeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local refill = tonumber(ARGV[1])
local capacity = tonumber(ARGV[2])
local grace = tonumber(ARGV[3])
local fullAt = tonumber(redis.call('GET', KEYS[1]) or now)
if fullAt < now or fullAt > now + capacity + grace then fullAt = now end
fullAt = fullAt + refill
local wait = fullAt - now - capacity
if wait > grace then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', fullAt), 'PX', math.max(1, math.ceil((fullAt - now) / 1000)))
return 0
`;

const windowWaitScript = `
if tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1]) then return 0 end
return math.max(1, redis.call('PTTL', KEYS[1]))
`;

const recordScript = `
if redis.call('INCR', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 0
`;

const keyAndNumbers = (parser: CommandParser, key: string, ...numbers: readonly number[]) => {
  parser.pushKey(key);
  parser.push(...numbers.map(String));
};

function numberScript(SCRIPT: string) {
  return defineScript({
    SCRIPT,
    NUMBER_OF_KEYS: 1,
    parseCommand: keyAndNumbers,
    transformReply: (reply: unknown) => Number(reply),
  });
}

export const limitScripts = {
  /** Of the time of refilling one, that of refilling all, and what rounding may add; answers the wait. All in µs. */
  takeFromRefilling: numberScript(takeScript),
  /** Of how many fill a window; answers the wait in ms. */
  waitOfWindow: numberScript(windowWaitScript),
  /** Of how long a window is, in ms. */
  recordInWindow: numberScript(recordScript),
};

import type { Counting } from './rates.ts';

/** What came in this window, and of the one before the share that still lies within the time. The row's `at` is the window's number. */
export const slidingWindow: Counting = {
  count(row, { perMs, amounts }, nowMs) {
    const window = Math.floor(nowMs / perMs);
    if (row.at !== window) {
      row.before = row.at === window - 1 ? row.now : new Map();
      row.now = new Map();
      row.at = window;
    }
    const share = 1 - (nowMs % perMs) / perMs;
    for (const { measure, need, limit } of amounts) {
      const used = (row.now.get(measure) ?? 0) + (row.before.get(measure) ?? 0) * share;
      if (need > 0 && used + need > limit) return { measure, waitMs: undefined };
    }
    for (const { measure, by } of amounts) row.now.set(measure, (row.now.get(measure) ?? 0) + by);
    return undefined;
  },

  // A field for each measure, `<` before those of the window before.
  lua: `local at = math.floor(nowMs / perMs)
local was = tonumber(redis.call('HGET', KEYS[1], 'at'))
if was ~= at then
  local all = was == at - 1 and redis.call('HGETALL', KEYS[1]) or {}
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'at', at)
  for i = 1, #all, 2 do
    if all[i] ~= 'at' and string.sub(all[i], 1, 1) ~= '<' then redis.call('HSET', KEYS[1], '<' .. all[i], all[i + 1]) end
  end
  redis.call('PEXPIRE', KEYS[1], 2 * perMs)
end
local share = 1 - (nowMs % perMs) / perMs
for i = 3, #ARGV, 4 do
  local need = tonumber(ARGV[i + 2])
  if need > 0 then
    local used = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0) + tonumber(redis.call('HGET', KEYS[1], '<' .. ARGV[i]) or 0) * share
    if used + need > tonumber(ARGV[i + 3]) then return { ARGV[i] } end
  end
end
for i = 3, #ARGV, 4 do
  if ARGV[i + 1] ~= '0' then redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return {}`,
};

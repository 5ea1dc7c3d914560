import type { Counting, Measure, Over } from './rates.ts';

/** A bucket for each measure, that runs empty evenly over the time: it knows when there is room again. The row's `at` is when it was last poured into. */
export const bucket: Counting = {
  count(row, { perMs, amounts }, nowMs) {
    const elapsedMs = Math.max(0, nowMs - row.at);
    const levels = new Map<Measure, number>();
    let over: (Over & { waitMs: number }) | undefined;
    for (const { measure, by, need, limit } of amounts) {
      const level = Math.max(0, (row.now.get(measure) ?? 0) - (limit * elapsedMs) / perMs);
      const waitMs = need > limit ? Number.POSITIVE_INFINITY : Math.ceil(((level + need - limit) * perMs) / limit);
      if (need > 0 && waitMs > (over?.waitMs ?? 0)) over = { measure, waitMs };
      levels.set(measure, level + by);
    }
    if (over !== undefined) return over;
    row.at = nowMs;
    row.now = levels;
    return undefined;
  },

  lua: `local was = tonumber(redis.call('HGET', KEYS[1], 'at'))
local elapsedMs = was and math.max(0, nowMs - was) or perMs
local over, longest, levels = nil, 0, { 'at', nowMs }
for i = 3, #ARGV, 4 do
  local by, need, limit = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local level = math.max(0, tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0) - limit * elapsedMs / perMs)
  local waitMs = need > limit and math.huge or math.ceil((level + need - limit) * perMs / limit)
  if need > 0 and waitMs > longest then over, longest = ARGV[i], waitMs end
  levels[#levels + 1] = ARGV[i]
  levels[#levels + 1] = level + by
end
if over then return { over, longest == math.huge and -1 or longest } end
redis.call('HSET', KEYS[1], unpack(levels))
redis.call('PEXPIRE', KEYS[1], 2 * perMs)
return {}`,
};

/**
 * A date as the gateway writes it: `5/10/2026 8:00:00 +2`, the day first; seconds, century and zone may be missing.
 *
 * @returns milliseconds since the epoch, and whether the zone was said; UTC otherwise. `undefined` for what is no date.
 */
export function gwapiDate(text: string): { at: number; hasZone: boolean } | undefined {
  const found =
    /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?:\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?(?:\s*([+-])(\d{1,2})(?::?(\d{2}))?)?$/.exec(
      text.trim(),
    );
  if (found === null) return undefined;
  const [day = 0, month = 0, written = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map((part) => Number(part ?? 0));
  const year = (found[3] ?? '').length === 4 ? written : written + (written < 70 ? 2_000 : 1_900);
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  const back = new Date(at);
  if (back.getUTCDate() !== day || back.getUTCMonth() !== month - 1 || hour > 23 || minute > 59 || second > 59) return undefined;
  const zone = (Number(found[8] ?? 0) * 60 + Number(found[9] ?? 0)) * 60_000 * (found[7] === '-' ? -1 : 1);
  return { at: at - zone, hasZone: found[7] !== undefined };
}

/**
 * A date as Notes exports it: `20261005T080000,00+02`, the comma before hundredths; the zone (`+02`, `+05:30`, `Z`) may be missing. In
 * summer the zone is that of summer.
 *
 * @returns milliseconds since the epoch, and whether the zone was said; UTC otherwise. `undefined` for what is no date.
 */
export function notesDate(text: string): { at: number; hasZone: boolean } | undefined {
  const found = /^(\d{4})-?(\d{2})-?(\d{2})[T ](\d{2}):?(\d{2}):?(\d{2})?(?:[,.](\d{1,3}))?\s*(?:(Z)|([+-])(\d{2}):?(\d{2})?)?$/i.exec(
    text.trim(),
  );
  if (found === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map((part) => Number(part ?? 0));
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  const back = new Date(at);
  if (back.getUTCDate() !== day || back.getUTCMonth() !== month - 1 || hour > 23 || minute > 59 || second > 59) return undefined;
  const zone = (Number(found[10] ?? 0) * 60 + Number(found[11] ?? 0)) * 60_000 * (found[9] === '-' ? -1 : 1);
  return { at: at - zone, hasZone: found[8] !== undefined || found[9] !== undefined };
}

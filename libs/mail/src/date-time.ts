const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** RFC 5322 §4.3; a single letter (military) was defined wrongly in RFC 822, so it means nothing but UTC. */
const zoneHours: Readonly<Record<string, number>> = {
  ut: 0,
  gmt: 0,
  utc: 0,
  est: -5,
  edt: -4,
  cst: -6,
  cdt: -5,
  mst: -7,
  mdt: -6,
  pst: -8,
  pdt: -7,
};
const form =
  /^(?:[a-z]{3,9}\.?[\s,]+)?(\d{1,2})[\s-]+([a-z]{3,9})[\s-]+(\d{2,4})\s+(\d{1,2})\s*:\s*(\d{1,2})(?:\s*:\s*(\d{1,2}))?(?:\s*([+-]\d{4}|[a-z]{1,5}))?(?:\s|$)/;

/**
 * Reads the value of a `Date` field: RFC 5322 §3.3 and the obsolete forms of §4.3 (two- and three-digit years, zone names,
 * comments). A missing or unknown zone counts as UTC, as `-0000` does.
 *
 * @returns milliseconds since the epoch, or `undefined` for what is no date (also a 31 February).
 */
export function parseDateTime(value: string): number | undefined {
  const found = form.exec(withoutComments(value.slice(0, 200)).trim().toLowerCase());
  if (found === null) return undefined;
  const [, dayText = '', monthText = '', yearText = '', hourText = '', minuteText = '', secondText = '0', zone = ''] = found;
  const month = months.indexOf(monthText.slice(0, 3));
  const day = Number(dayText);
  const hour = Number(hourText);
  const minute = Number(minuteText);
  const second = Number(secondText);
  const year = fullYear(yearText);
  if (month < 0 || year < 1900 || hour > 23 || minute > 59 || second > 60) return undefined;
  if (day < 1 || day > new Date(Date.UTC(year, month + 1, 0)).getUTCDate()) return undefined;
  const offsetMinutes = zoneMinutes(zone);
  return offsetMinutes === undefined ? undefined : Date.UTC(year, month, day, hour, minute - offsetMinutes, second);
}

let lastSecond = Number.NaN;
let lastText = '';

/** RFC 5322 §3.3 in UTC: `Mon, 23 Nov 2026 10:00:00 +0000`. @param at milliseconds since the epoch. */
export function formatDateTime(at: number): string {
  const second = Math.floor(at / 1_000);
  if (second === lastSecond) return lastText; // nearly every call is about the second of the call before
  lastText = new Date(second * 1_000).toUTCString().replace('GMT', '+0000');
  lastSecond = second;
  return lastText;
}

function fullYear(text: string): number {
  const year = Number(text);
  if (text.length === 2) return year < 50 ? year + 2000 : year + 1900;
  return text.length === 3 ? year + 1900 : year;
}

function zoneMinutes(zone: string): number | undefined {
  if (zone[0] !== '+' && zone[0] !== '-') return (zoneHours[zone] ?? 0) * 60;
  const minutes = Number(zone.slice(3));
  if (minutes > 59) return undefined;
  return (Number(zone.slice(1, 3)) * 60 + minutes) * (zone[0] === '-' ? -1 : 1);
}

/** Comments (RFC 5322 §3.2.2, nested, with quoted pairs) become a blank each. */
function withoutComments(text: string): string {
  if (!text.includes('(')) return text;
  let plain = '';
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i] ?? '';
    if (character === '(') depth += 1;
    else if (character === ')' && depth > 0) {
      depth -= 1;
      plain += ' ';
    } else if (character === '\\' && depth > 0) i += 1;
    else if (depth === 0) plain += character;
  }
  return plain;
}

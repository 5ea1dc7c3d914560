import type { StationDepth } from './station-depths.ts';

/** What became of one tour mail so far. */
export interface TourRow {
  says: string;
  way: string;
  to: string;
  state: 'waits' | 'sent' | 'ended' | 'failed';
  /** Where it is, where it ended, or why it was refused. */
  where: string;
}

export interface Picture {
  stations: readonly (StationDepth & { handled: number })[];
  tour: readonly TourRow[];
}

/** Columns: title, width (the last one takes what is left), and whether numbers stand at the right. */
interface Column {
  title: string;
  width: number;
  right?: boolean;
}

/**
 * The live picture as lines, none longer than `width`.
 *
 * @param width of the terminal; below 40 it is taken as 40.
 * @param height lines there is room for; with too few, stations that hold nothing are left out.
 */
export function tableLines(picture: Picture, width: number, height = Number.POSITIVE_INFINITY): string[] {
  const whole = linesOf(picture, width);
  if (whole.length <= height) return whole;
  return linesOf({ ...picture, stations: picture.stations.filter(({ waiting, inHand }) => waiting + inHand > 0) }, width);
}

function linesOf({ stations, tour }: Picture, width: number): string[] {
  const usable = Math.max(40, width - 1);
  const stationColumns: Column[] = [
    { title: 'station', width: 28 },
    { title: 'waiting', width: 8, right: true },
    { title: 'in hand', width: 8, right: true },
    { title: 'handled', width: 8, right: true },
    { title: 'taken by', width: 28 },
  ];
  const tourColumns: Column[] = [
    { title: 'tour mail', width: 24 },
    { title: 'way in', width: 11 },
    { title: 'to', width: 26 },
    { title: 'where', width: 80 },
  ];
  const lines = [
    ...rows(
      stationColumns,
      stations.map(({ queue, waiting, inHand, handled, takenBy }) => [queue, String(waiting), String(inHand), String(handled), takenBy]),
      usable,
    ),
  ];
  if (tour.length > 0) {
    lines.push('');
    lines.push(
      ...rows(
        tourColumns,
        tour.map(({ says, way, to, where }) => [says, way, to, where]),
        usable,
      ),
    );
  }
  return lines;
}

function rows(columns: readonly Column[], cells: readonly (readonly string[])[], width: number): string[] {
  const line = (texts: readonly string[]) =>
    columns
      .map((column, at) => {
        const text = (texts[at] ?? '').slice(0, column.width);
        return column.right === true ? text.padStart(column.width) : text.padEnd(column.width);
      })
      .join(' ')
      .trimEnd()
      .slice(0, width);
  return [line(columns.map(({ title }) => title)), ...cells.map(line)];
}

/** Stations that hold mail, as one line for a log: `waiting: 5.aq.pre-categorization 3, 3.mta 1 (1 in hand)`; '' when none does. */
export function depthLine(stations: readonly StationDepth[]): string {
  const held = stations
    .filter(({ waiting, inHand }) => waiting + inHand > 0)
    .map(({ queue, waiting, inHand }) => `${queue} ${waiting}${inHand > 0 ? ` (${inHand} in hand)` : ''}`);
  return held.length === 0 ? '' : `waiting: ${held.join(', ')}`;
}

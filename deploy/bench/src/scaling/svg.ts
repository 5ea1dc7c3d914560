import { queueName } from '@mailrail/topology';
import type { Shape } from './shapes.ts';
import type { Sample } from './simulate.ts';

// Told apart by people who do not see all colours, too.
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000', '#8c6d31', '#7570b3'];
const everySeconds = 5;
const frame = { left: 58, right: 190, top: 46, panel: 128, gap: 34, width: 860 };
const plotWidth = frame.width - frame.left - frame.right;

interface Series {
  label: string;
  colour: string;
  values: readonly number[];
}

/** Load, pods and ages over time, under one another. Stations that never did anything out of the ordinary are not drawn. */
export function plot(shape: Shape, samples: readonly Sample[]): string {
  const shown = samples.filter(({ at }) => at % everySeconds === 0);
  const names = Object.keys(samples[0]?.stations ?? {});
  const series = (value: (sample: Sample, name: string) => number, matters: (values: readonly number[]) => boolean): Series[] =>
    names.flatMap((name, at) => {
      const values = shown.map((sample) => value(sample, name));
      return matters(values) ? [{ label: queueName(name), colour: colours[at % colours.length] ?? '#000', values }] : [];
    });
  const panels: { title: string; series: Series[] }[] = [
    {
      title: 'mails/s',
      series: [
        { label: 'arriving', colour: '#666666', values: shown.map(({ arriving }) => arriving) },
        { label: 'at an end', colour: '#009e73', values: shown.map(({ ended }) => ended) },
      ],
    },
    {
      title: 'pods',
      series: series(
        (sample, name) => sample.stations[name]?.pods ?? 0,
        (values) => new Set(values).size > 1,
      ),
    },
    {
      title: 'oldest mail, s',
      series: series(
        (sample, name) => sample.stations[name]?.oldestSeconds ?? 0,
        (values) => Math.max(...values) >= 3,
      ),
    },
  ];
  const height = frame.top + panels.length * (frame.panel + frame.gap) + 6;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${frame.width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${text(`${shape.name}: ${shape.says}`)}</title>`,
    `<rect width="${frame.width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${frame.left}" y="20" font-size="15">${text(`${shape.name}: ${shape.says}`)}</text>`,
    ...panels.flatMap((panel, at) => drawn(panel, frame.top + at * (frame.panel + frame.gap), shape.seconds)),
    '</svg>',
    '',
  ].join('\n');
}

function drawn({ title, series }: { title: string; series: Series[] }, top: number, seconds: number): string[] {
  const most = scaleTop(Math.max(1, ...series.flatMap(({ values }) => values)));
  const x = (at: number) => frame.left + (at / seconds) * plotWidth;
  const y = (value: number) => top + frame.panel - (value / most) * frame.panel;
  const lines = [`<text x="${frame.left}" y="${top - 6}" fill="#444444">${title}</text>`];
  for (const part of [0, 0.5, 1]) {
    const level = fixed(y(most * part));
    lines.push(
      `<path d="M${frame.left} ${level}h${plotWidth}" stroke="#dddddd"/>`,
      `<text x="${frame.left - 6}" y="${fixed(y(most * part) + 4)}" text-anchor="end" fill="#444444">${number(most * part)}</text>`,
    );
  }
  const step = seconds > 1_900 ? 600 : 300;
  for (let at = 0; at <= seconds; at += step) {
    const minutes = at / 60;
    lines.push(`<text x="${fixed(x(at))}" y="${top + frame.panel + 15}" text-anchor="middle" fill="#444444">${minutes} min</text>`);
  }
  if (series.length === 0) lines.push(`<text x="${frame.left + 8}" y="${top + 20}" fill="#888888">nothing out of the ordinary</text>`);
  for (const [at, { label, colour, values }] of series.entries()) {
    lines.push(`<path d="${steps(values, x, y)}" fill="none" stroke="${colour}" stroke-width="1.6"/>`);
    const row = top + 10 + at * 14;
    lines.push(
      `<path d="M${frame.left + plotWidth + 10} ${row - 4}h14" stroke="${colour}" stroke-width="3"/>`,
      `<text x="${frame.left + plotWidth + 28}" y="${row}">${text(label)}</text>`,
    );
  }
  return lines;
}

/** A line that goes on level until it changes; equal values in a row are one stroke. */
function steps(values: readonly number[], x: (at: number) => number, y: (value: number) => number): string {
  let path = '';
  let last: string | undefined;
  for (const [at, value] of values.entries()) {
    const level = fixed(y(value));
    if (level === last && at < values.length - 1) continue;
    const across = fixed(x(at * everySeconds));
    path += last === undefined ? `M${across} ${level}` : `H${across}V${level}`;
    last = level;
  }
  return path;
}

/** The next of 1, 2, 5, 10, ... at or above. */
export function scaleTop(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  return power * ([1, 2, 5, 10].find((one) => one * power >= most) ?? 10);
}

const fixed = (value: number) => String(Number(value.toFixed(1)));
const number = (value: number) => (value >= 10_000 ? `${value / 1_000}k` : String(value));
const text = (plain: string) => plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

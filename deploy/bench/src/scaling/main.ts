// `npm run simulate`: pods and ages over time under a load, from measured costs. Nothing is started; the same each time.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { costsOf, measured } from './costs.ts';
import { csv, timeTable, verdictTable } from './output.ts';
import { rules } from './rules.ts';
import { shapes } from './shapes.ts';
import { simulate } from './simulate.ts';
import { plot } from './svg.ts';

const help = `npm run simulate -- [options]

Simulates the autoscaling of the line under loads of up to 1,000 mails/s, second by second, and prints pods and ages over time.

  --load NAME     one of ${shapes.map(({ name }) => name).join(', ')} (default: all, without the rows over time)
  --rule NAME     one of ${rules.map(({ name }) => name).join(', ')} (default: ${rules[0]?.name}; without --load: all)
  --every N       seconds between two rows (default 60)
  --costs FILE    JSON lines of \`npm run bench -- --workloads W1,W2,W3 --json FILE\` instead of the measured costs
  --out DIR       write a CSV and an SVG of each load there
  --help          this text

Exit codes: 0 done, 64 wrong options.
`;

function main(): number {
  let values;
  try {
    const string = { type: 'string' } as const;
    const options = {
      load: string,
      rule: string,
      every: string,
      costs: string,
      out: string,
      help: { type: 'boolean', short: 'h' },
    } as const;
    ({ values } = parseArgs({ options }));
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) {
    process.stdout.write(help);
    return 0;
  }
  const load = shapes.filter(({ name }) => values.load === undefined || values.load === name);
  const byRule = rules.filter(({ name }, at) => (values.rule === undefined ? values.load === undefined || at === 0 : values.rule === name));
  const every = Number(values.every ?? 60);
  if (load.length === 0) return wrong(`there is no load ${values.load}`);
  if (byRule.length === 0) return wrong(`there is no rule ${values.rule}`);
  if (!Number.isInteger(every) || every < 1) return wrong(`--every ${values.every}: whole seconds, at least 1`);
  let costs = measured;
  try {
    if (values.costs !== undefined) costs = costsOf(readFileSync(values.costs, 'utf8'));
  } catch (error) {
    return wrong(`--costs ${values.costs}: ${error instanceof Error ? error.message : String(error)}`);
  }

  const runs = load.flatMap((shape) => byRule.map((rule) => ({ shape, rule, samples: simulate(shape, rule, costs) })));
  if (values.load !== undefined) {
    for (const { shape, rule, samples } of runs) process.stdout.write(`\n${shape.says}; ${rule.says}\n\n${timeTable(samples, every)}\n`);
  }
  process.stdout.write(`\n${verdictTable(runs)}\n`);
  if (values.out !== undefined) {
    mkdirSync(values.out, { recursive: true });
    for (const { shape, rule, samples } of runs) {
      const file = path.join(values.out, `scaling-${shape.name}-${rule.name}`);
      writeFileSync(`${file}.csv`, csv(samples));
      writeFileSync(`${file}.svg`, plot(shape, samples));
    }
    process.stdout.write(`\n${runs.length} CSV and SVG files in ${values.out}\n`);
  }
  return 0;
}

function wrong(message: string): number {
  process.stderr.write(`${message}; npm run simulate -- --help lists all\n`);
  return 64;
}

process.exitCode = main();

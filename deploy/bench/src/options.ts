import path from 'node:path';
import { type Workload, workloads, workloadsNamed } from './workloads.ts';

/** What a bench was asked to do. */
export interface BenchOptions {
  workloads: readonly Workload[];
  count: number | undefined; // mails of a repetition
  repetitions: number;
  versus: 'postfix' | undefined;
  only: 'postfix' | undefined;
  target: string | undefined; // endpoints.json of a line that runs
  users: string | undefined; // file of addresses
  group: string | undefined; // address
  members: string | undefined; // file of addresses
  processes: 'one' | 'each';
  json: string | undefined; // file for the lines, else they go to standard output
  data: string; // folder in which a folder of this run is made
  profile: string | undefined; // folder for CPU profiles
  clean: boolean;
}

export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

const rows = [
  { name: 'workloads', value: 'W1,W3', help: `of ${workloads.map(({ name }) => name).join(', ')}; W4 is all three (default: all)` },
  { name: 'n', value: 'N', help: 'mails of a repetition, instead of each workload’s own number (W5: at most 200)' },
  { name: 'reps', value: 'N', help: 'repetitions of each workload (default 3)' },
  { name: 'vs', value: 'postfix', help: 'measure a private Postfix in alternation, and print ratios (root, Debian)' },
  { name: 'only', value: 'postfix', help: 'measure only Postfix' },
  { name: 'target', value: 'FILE', help: 'endpoints.json of a line that runs, instead of one of its own' },
  { name: 'users', value: 'FILE', help: 'with --target: one mailbox address a line (default ada, ben, chloe, dmitri @corp.example)' },
  { name: 'group', value: 'ADDRESS', help: 'with --target: the group for W3' },
  { name: 'members', value: 'FILE', help: 'with --group: its members, one address a line' },
  { name: 'clean', help: 'with --target: remove what was delivered from the mailboxes again' },
  { name: 'processes', value: 'one|each', help: 'stages of its own line in one process, or each in its own (default each)' },
  { name: 'json', value: 'FILE', help: 'append the JSON lines to this file (default: standard output)' },
  { name: 'data', value: 'DIR', help: 'where the folder of the run is made, on the disk to be measured (default /var/tmp)' },
  { name: 'profile', value: 'DIR', help: 'write a CPU profile of each process of its own line there, and say what costs most' },
] as const;
type Name = (typeof rows)[number]['name'];

export const help = `npm run bench -- [options]

Measures the line: rates, latencies, CPU and memory by process, and whether anything was lost or doubled.

${rows.map((row) => `  --${`${row.name}${'value' in row ? ` ${row.value}` : ''}`.padEnd(22)} ${row.help}`).join('\n')}
  --help                   this text

Exit codes: 0 all whole, 1 something was lost or doubled, 2 something could not be measured or was stopped at its time limit,
64 wrong options.
`;

/** @returns `help` when that was asked for. @throws UsageError for what cannot be understood. */
export function parseOptions(argv: readonly string[], cwd: string): BenchOptions | 'help' {
  const given = new Map<string, string>();
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word === '--help' || word === '-h') return 'help';
    const [name = '', ...inline] = word.replace(/^--/, '').split('=');
    const row = rows.find((one) => word.startsWith('--') && one.name === name);
    if (row === undefined) throw new UsageError(`unknown option ${word}; npm run bench -- --help lists all`);
    const next = 'value' in row ? (inline.length > 0 ? inline.join('=') : argv[(at += 1)]) : '1';
    if (next === undefined || next === '' || ('value' in row && next.startsWith('--'))) {
      throw new UsageError(`--${name} needs a value: ${'value' in row ? row.value : ''}`);
    }
    given.set(name, next);
  }
  const text = (name: Name) => given.get(name);
  const file = (name: Name) => (given.has(name) ? path.resolve(cwd, given.get(name) ?? '') : undefined);
  for (const name of ['users', 'group', 'clean'] as const) {
    if (given.has(name) && !given.has('target')) throw new UsageError(`--${name} goes with --target`);
  }
  if (given.has('group') !== given.has('members')) throw new UsageError('--group and --members go together');
  if (given.has('target') && given.has('profile')) throw new UsageError('--profile needs a line of its own; leave --target out');
  if (given.has('only') && (given.has('vs') || given.has('target'))) throw new UsageError('--only postfix goes without --vs and --target');
  return {
    workloads: named(text('workloads')),
    count: number('n', text('n'), 1_000_000),
    repetitions: number('reps', text('reps'), 100) ?? 3,
    versus: word('vs', text('vs'), ['postfix']),
    only: word('only', text('only'), ['postfix']),
    target: file('target'),
    users: file('users'),
    group: text('group')?.toLowerCase(),
    members: file('members'),
    processes: word('processes', text('processes'), ['one', 'each']) ?? 'each',
    json: file('json'),
    data: file('data') ?? '/var/tmp',
    profile: file('profile'),
    clean: given.has('clean'),
  };
}

function named(list: string | undefined): readonly Workload[] {
  if (list === undefined) return workloads;
  try {
    return workloadsNamed(list.split(',').map((one) => one.trim()));
  } catch (error) {
    throw new UsageError(`--workloads: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function number(name: Name, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most) throw new UsageError(`--${name} ${text}: a whole number from 1 to ${most}`);
  return value;
}

function word<const Word extends string>(name: Name, text: string | undefined, words: readonly Word[]): Word | undefined {
  if (text === undefined) return undefined;
  const found = words.find((one) => one === text);
  if (found === undefined) throw new UsageError(`--${name} ${text}: ${words.join(' or ')}`);
  return found;
}

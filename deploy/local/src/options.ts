import path from 'node:path';

/** What `npm start` was asked to do. */
export interface StartOptions {
  data: string; // absolute
  portBase: number | undefined;
  organization: string | undefined; // absolute path
  directory: string | undefined; // absolute path of an LDIF file, or an LDAP URL
  samples: 'none' | 'tour';
  slow: boolean;
  scale: ReadonlyMap<string, number>; // stage or service -> processes
  processes: 'one' | 'each';
}

/** The words cannot be understood; the message says which and what is possible. Exit code 64 (EX_USAGE). */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

interface OptionRow {
  name: string;
  value?: string; // what stands for the value in the help text; absent for a switch
  help: string;
}

/** Every option of `npm start`; each is also a variable, `--port-base` as MAILRAIL_PORT_BASE. */
export const startOptions = [
  { name: 'data', value: 'DIR', help: 'folder for everything: mail, broker, mailboxes, logs (default .mailrail)' },
  { name: 'port-base', value: 'N', help: 'take ports from N to N+39; each that is taken is replaced by a free one' },
  { name: 'organization', value: 'FILE', help: 'organization.yaml (default: one of corp.example, copied into DIR)' },
  { name: 'directory', value: 'FILE.ldif|URL', help: 'directory: an LDIF file or ldap://... (default: copied into DIR)' },
  { name: 'samples', value: 'none|tour', help: 'send the sample mails and show where they go (default tour)' },
  { name: 'slow', help: 'the tour waits before each mail, to be watched' },
  { name: 'scale', value: 'STAGE=N', help: 'N processes of a stage; may be given several times' },
  { name: 'processes', value: 'one|each', help: 'all stages in one process, or each in its own (default each)' },
] as const satisfies readonly OptionRow[];

export const startHelp = `npm start -- [options]

Runs the whole line on this machine: RabbitMQ, Redis, every stage, a mailbox store and a server that plays the outside world.
Ctrl-C stops all of it; the next start on the same folder goes on with the mail that was waiting.

${startOptions.map((row: OptionRow) => `  --${`${row.name}${row.value === undefined ? '' : ` ${row.value}`}`.padEnd(26)} ${row.help}`).join('\n')}
  --help                       this text

Each option is also a variable: MAILRAIL_DATA, MAILRAIL_PORT_BASE, ... (MAILRAIL_SLOW=1; MAILRAIL_SCALE=mta=2,router=2).
AMQP_URL and REDIS_URL name servers to use instead of private ones; MGMT_URL the management API of that broker.
Exit codes: 0 stopped, 1 could not start (the message says why), 64 wrong options.
`;

/**
 * Options from the command line, then from MAILRAIL_* variables, then defaults.
 *
 * @param cwd what relative paths start from.
 * @returns `help` when the help text was asked for.
 * @throws UsageError for an unknown option, a missing or a wrong value.
 */
export function parseStartOptions(argv: readonly string[], env: NodeJS.ProcessEnv, cwd: string): StartOptions | 'help' {
  const given = new Map<string, string[]>();
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word === '--help' || word === '-h') return 'help';
    const [name, inline] = split(word);
    const row: OptionRow | undefined = startOptions.find((one) => `--${one.name}` === name);
    if (row === undefined) throw new UsageError(`unknown option ${word}${didYouMean(name)}; npm start -- --help lists all`);
    let value = inline;
    if (row.value === undefined) {
      if (inline !== undefined) throw new UsageError(`--${row.name} takes no value`);
      value = '1';
    } else if (value === undefined) {
      at += 1;
      value = argv[at];
      if (value === undefined || value.startsWith('--')) throw new UsageError(`--${row.name} needs a value: ${row.value}`);
    }
    given.set(row.name, [...(given.get(row.name) ?? []), value ?? '']);
  }
  const values = (name: string): string[] => {
    const variable = env[`MAILRAIL_${name.toUpperCase().replaceAll('-', '_')}`];
    return given.get(name) ?? (variable === undefined || variable === '' ? [] : [variable]);
  };
  const last = (name: string): string | undefined => values(name).at(-1);
  const directory = last('directory');
  const organization = last('organization');
  return {
    data: path.resolve(cwd, last('data') ?? '.mailrail'),
    portBase: portBase(last('port-base')),
    organization: organization === undefined ? undefined : path.resolve(cwd, organization),
    directory: directory === undefined ? undefined : /^ldaps?:\/\//i.test(directory) ? directory : path.resolve(cwd, directory),
    samples: oneOf('samples', last('samples') ?? 'tour', ['none', 'tour']),
    slow: ['1', 'true', 'yes'].includes(last('slow') ?? ''),
    scale: scaleOf(values('scale')),
    processes: oneOf('processes', last('processes') ?? 'each', ['one', 'each']),
  };
}

function split(word: string): [string, string | undefined] {
  const equals = word.indexOf('=');
  return equals < 0 || !word.startsWith('--') ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

function portBase(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1_024 || port > 65_490) throw new UsageError(`--port-base ${text}: a number from 1024 to 65490`);
  return port;
}

function oneOf<const Word extends string>(name: string, text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found === undefined) throw new UsageError(`--${name} ${text}: one of ${words.join(', ')}`);
  return found;
}

function scaleOf(texts: readonly string[]): Map<string, number> {
  const scale = new Map<string, number>();
  for (const text of texts.flatMap((one) => one.split(','))) {
    const [, stage, count] = /^([a-z][a-z0-9./-]*)=(\d{1,2})$/.exec(text.trim()) ?? [];
    if (stage === undefined || Number(count) < 1)
      throw new UsageError(`--scale ${text}: STAGE=N with N from 1 to 99, for example categorizer=2`);
    scale.set(stage, Number(count));
  }
  return scale;
}

/** A hint for an option that is almost one: same first letters. */
function didYouMean(name: string): string {
  const near = startOptions.find(
    (row) => name.length > 3 && (`--${row.name}`.startsWith(name.slice(0, 5)) || name.startsWith(`--${row.name}`)),
  );
  return near === undefined ? '' : ` (--${near.name}?)`;
}

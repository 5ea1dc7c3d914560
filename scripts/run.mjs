#!/usr/bin/env node
// The way in to everything: `npm start`, `npm test` and the others call this. It needs Node 20 and npm and nothing else;
// what is missing beyond that (pnpm, packages, Node 24, RabbitMQ, Redis) is set up first, and only once.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { decideBrokers } from './set-up/brokers.mjs';
import { runJob } from './set-up/child.mjs';
import { pinnedNode } from './set-up/node.mjs';
import { installPackages, withoutNpmVariables } from './set-up/packages.mjs';
import { SetUpError } from './set-up/say.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
/** `npm test -- ARGS`: a file pattern or any option of jest; the projects last, since that option takes all words after it. */
const tests =
  (...projects) =>
  (args) => [...jest, ...args, ...(args.includes('--selectProjects') ? [] : ['--selectProjects', ...projects])];
const asksForHelp = (args) => args.some((word) => word === '--help' || word === '-h' || word === 'help');

/** What each job runs on the pinned Node, and whether it needs RabbitMQ and Redis. */
const jobs = {
  start: { does: 'run the whole line here', brokers: (args) => !asksForHelp(args), args: (args) => ['deploy/local/src/start.ts', ...args] },
  demo: { does: 'the tour, unattended', brokers: (args) => !asksForHelp(args), args: (args) => ['deploy/local/src/demo.ts', ...args] },
  bench: {
    does: 'measure the line',
    brokers: (args) => !asksForHelp(args) && !args.some((word) => word.startsWith('--target')),
    args: (args) => ['deploy/bench/src/main.ts', ...args],
  },
  simulate: {
    does: 'simulate autoscaling from measured costs',
    brokers: () => false,
    args: (args) => ['deploy/bench/src/scaling/main.ts', ...args],
  },
  mailrail: {
    does: 'ask about mail, mailboxes, this machine',
    brokers: () => false,
    args: (args) => ['deploy/local/src/mailrail.ts', ...args],
  },
  test: { does: 'unit tests, suites on the brokers, scenarios', brokers: () => true, args: tests('unit', 'broker', 'e2e') },
  'test:long': { does: 'faults, fuzz, volume', brokers: () => true, args: tests('long') },
  'test:neighbours': { does: 'with real neighbours: slapd, Postfix, Dovecot', brokers: () => true, args: tests('neighbours') },
  'test:containers': {
    does: 'the image built, and the line run in containers',
    brokers: () => false,
    // One file after another: each runs a whole line, and starts are timed.
    args: (args) => tests('containers')(['--runInBand', ...args]),
  },
  check: {
    does: 'format, lint, types, boundaries, generated files, licences',
    brokers: () => false,
    args: (args) => ['scripts/check.mjs', ...args],
  },
  generate: { does: 'write docs/generated anew', brokers: () => false, args: (args) => ['scripts/generate.mjs', ...args] },
  format: {
    does: 'format all files',
    brokers: () => false,
    args: (args) => ['node_modules/@biomejs/biome/bin/biome', 'format', '--write', ...args],
  },
};

async function main() {
  const [name = '', ...args] = process.argv.slice(2);
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) throw new SetUpError(`this is Node ${process.version}; Node 20 or newer is needed to begin (https://nodejs.org)`);

  // For tests that are run without this script: where the brokers come from, as JSON.
  if (name === 'brokers') return process.stdout.write(`${JSON.stringify(await decideBrokers())}\n`) && 0;
  const job = Object.hasOwn(jobs, name) ? jobs[name] : undefined;
  if (job === undefined) {
    const list = Object.entries(jobs).map(([job, { does }]) => `  ${job.padEnd(16)} ${does}`);
    process.stderr.write(`usage: node scripts/run.mjs JOB [arguments]\n${list.join('\n')}\n`);
    return 64;
  }
  await installPackages(root, process.env);
  const node = pinnedNode(root);
  const env = {
    ...withoutNpmVariables(process.env),
    PATH: [path.dirname(node), path.join(root, 'node_modules', '.bin'), process.env.PATH].join(path.delimiter),
    MAILRAIL_PARENT: String(process.pid), // a line stops when this process is gone
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? path.join(root, 'node_modules', '.cache', 'node'),
  };
  mkdirSync(env.NODE_COMPILE_CACHE, { recursive: true });
  if (job.brokers(args)) env.MAILRAIL_BROKERS = JSON.stringify(await decideBrokers());
  return name.startsWith('test') ? runTests(node, job.args(args), env) : runJob(node, job.args(args), { cwd: root, env });
}

/** Jest writes to stdout and stderr in an order of its own; what counts is said once more, last. */
async function runTests(node, args, env) {
  const folder = mkdtempSync(path.join(tmpdir(), 'mailrail-tests-'));
  try {
    const file = path.join(folder, 'summary');
    const code = await runJob(node, args, { cwd: root, env: { ...env, MAILRAIL_SUMMARY: file } });
    if (existsSync(file)) process.stdout.write(`\n${readFileSync(file, 'utf8')}`);
    else if (code !== 0) process.stdout.write('\n0 passed, 1 failed\n'); // no test could be run: its reason stands above
    return code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  process.stderr.write(`\nset-up stopped: ${error.message}\n`);
  process.exitCode = 1;
}

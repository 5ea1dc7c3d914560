import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { promisify } from 'node:util';
import { waitFor } from '@mailrail/testing';
import { SmtpSender } from '../smtp-sender.ts';

/** A mail server of somebody else that hands everything it takes to one host. */
export interface Neighbour {
  /** Takes a mail in by SMTP, as a client of it would say it. */
  submit: (mail: Submission) => Promise<void>;
  /** What it wrote of its own doings. */
  log: () => Promise<string>;
  close: () => Promise<void>;
}

export interface Submission {
  from: string;
  to: string;
  message: string;
  mailParameters?: string;
  rcptParameters?: string;
}

export const repository = path.resolve(import.meta.dirname, '../../../..');
/** Where what was fetched once stays. */
export const toolsFolder = (name: string) => path.join(repository, '.tools', name);

const run = promisify(execFile);

/** The lines of a client that says all of a mail at once. Texts are UTF-8. */
export function dialogue({ from, to, message, mailParameters = '', rcptParameters = '' }: Submission): string[] {
  return [
    'EHLO client.example',
    `MAIL FROM:<${from}>${mailParameters}`,
    `RCPT TO:<${to}>${rcptParameters}`,
    'DATA',
    `${message}\r\n.`,
    'QUIT',
  ];
}

/** Gives a mail to a server that listens. @throws Error with the reply, when it is refused. */
export async function submitTo(port: number, mail: Submission): Promise<void> {
  const { sender } = await SmtpSender.open(`smtp://127.0.0.1:${port}`);
  for (const line of dialogue(mail)) {
    const { code, text } = await sender.say(Buffer.from(line).toString('latin1'));
    if (code >= 400) throw new Error(`${line.slice(0, 60)}: ${text}`);
  }
  sender.destroy();
}

/** Waits until somebody takes mail at a port. */
export async function listening(port: number, output: () => string): Promise<void> {
  const taken = async () => {
    try {
      const { sender } = await SmtpSender.open(`smtp://127.0.0.1:${port}`);
      await sender.quit();
      return true;
    } catch {
      return false;
    }
  };
  await waitFor(taken, { what: 'the neighbour to take mail', timeoutMs: 20_000 }).catch((error: unknown) => {
    throw new Error(`it does not listen:\n${output().slice(-3_000)}`, { cause: error });
  });
}

/** Runs a command to its end. @throws Error with what it said, when that is not 0. */
export async function command(
  name: string,
  args: readonly string[],
  options: { input?: string; libraries?: string } = {},
): Promise<string> {
  const { input = '', libraries } = options;
  const env = { ...process.env, ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }) };
  const going = run(name, [...args], { env, timeout: 30_000, maxBuffer: 10_000_000 });
  going.child.stdin?.on('error', () => {}); // it need not read to the end
  going.child.stdin?.end(input);
  const { stdout, stderr } = await going;
  return stdout + stderr;
}

/** A process that runs until it is ended. */
export function daemon(name: string, args: readonly string[], libraries?: string) {
  const env = { ...process.env, ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }) };
  const child: ChildProcess = spawn(name, [...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-100_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return {
    output: () => text,
    async end(): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await gone;
      clearTimeout(timer);
    },
  };
}

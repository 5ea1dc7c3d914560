import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { type Dialogue, readDialogues } from './dialogue.ts';
import { type HostOptions, RecordingHost } from './recording-host.ts';

const dialogues = readDialogues(join(import.meta.dirname, 'dialogues'));

/** How the same bytes may arrive; the outcome must not depend on it. */
const ways = {
  'as sent, answered at once': { cut: (bytes: Buffer) => [bytes], late: false },
  'as sent, answered later': { cut: (bytes: Buffer) => [bytes], late: true },
  'byte by byte, answered at once': { cut: singleBytes, late: false },
  'byte by byte, answered later': { cut: singleBytes, late: true },
};

test('there are enough dialogues to mean something', () => {
  expect(dialogues.length).toBeGreaterThanOrEqual(150);
});

describe.each(Object.entries(ways))('%s', (_, way) => {
  test.each(dialogues)('$name', (dialogue) => {
    const { host, feed } = hostFor(dialogue, way.late);
    let heard = 0;
    let waiting: Buffer[] = [];
    const expected: string[] = [];
    // What is sent between two answers is one group: it goes out whole, and its answers are looked at when all have come.
    const check = () => {
      for (const bytes of way.cut(Buffer.concat(waiting))) feed(bytes);
      waiting = [];
      const lines = host.sent.split('\r\n').slice(0, -1);
      expect(lines.slice(heard).map((line, at) => line.slice(0, expected[heard + at]?.length ?? 999))).toEqual(expected.slice(heard));
      heard = expected.length;
    };
    for (const [at, step] of dialogue.steps.entries()) {
      if (step.kind === 'client') {
        if (dialogue.steps[at - 1]?.kind !== 'client') check();
        waiting.push(step.bytes);
      } else if (step.kind === 'server') expected.push(step.prefix);
      else check();
      if (step.kind === 'tls') host.session.tlsStarted();
      if (step.kind === 'closed') expect(host.closed).toBeDefined();
    }
    check();
    expectEnd(dialogue, host);
  });
});

describe('everything in one chunk', () => {
  // What stands behind STARTTLS in the same chunk is thrown away by right.
  const single = dialogues.filter(
    ({ steps }) => !steps.some((step) => step.kind === 'tls' || (step.kind === 'client' && step.bytes.includes('STARTTLS'))),
  );
  test.each(single)('$name', (dialogue) => {
    for (const late of [false, true]) {
      const { host, feed } = hostFor(dialogue, late);
      feed(Buffer.concat(dialogue.steps.flatMap((step) => (step.kind === 'client' ? [step.bytes] : []))));
      const expected = dialogue.steps.flatMap((step) => (step.kind === 'server' ? [step.prefix] : []));
      const lines = host.sent.split('\r\n').slice(0, -1);
      expect(lines.map((line, at) => line.slice(0, expected[at]?.length ?? 999))).toEqual(expected);
      expectEnd(dialogue, host);
    }
  });
});

function hostFor(dialogue: Dialogue, late: boolean): { host: RecordingHost; feed: (bytes: Buffer) => void } {
  const answers: (() => void)[] = [];
  const options = dialogue.options as HostOptions; // written by us, and a wrong key shows in the outcome
  const host = new RecordingHost(options, late ? (answer) => answers.push(answer) : undefined);
  host.start();
  return {
    host,
    feed(bytes) {
      host.session.receive(bytes);
      for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) answer();
    },
  };
}

function expectEnd(dialogue: Dialogue, host: RecordingHost): void {
  expect(host.mails).toHaveLength(dialogue.mails.length);
  for (const [at, mail] of dialogue.mails.entries()) expect(host.mails[at]).toMatchObject(mail);
  expect(host.aborts).toEqual(dialogue.aborts);
  expect(host.closed !== undefined).toBe(dialogue.steps.some(({ kind }) => kind === 'closed'));
}

function singleBytes(bytes: Buffer): Buffer[] {
  return Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1));
}

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DotBody } from '../src/dot-body.ts';
import { DotStuffer } from '../src/dot-stuffer.ts';

const limits = { maxMessageBytes: 1_000_000, maxHeaderBytes: 1_000_000 };

interface Taken {
  content: string;
  end: number; // in the whole input; -1 when there is none
  fault: string | undefined;
  headerBytes: number;
}

/** The definition, byte by byte and with all the input at hand. */
function reference(input: string): Taken {
  const end = input.startsWith('.\r\n') ? 3 : input.indexOf('\r\n.\r\n') < 0 ? -1 : input.indexOf('\r\n.\r\n') + 5;
  const raw = end < 0 ? input : input.slice(0, end - 3);
  const content = raw.replace(/(^|\r\n)\./g, '$1');
  let fault: string | undefined;
  for (let at = 0; at < raw.length && fault === undefined; at++) {
    const char = raw[at];
    if (char === '\0') fault = 'nul';
    else if (char === '\n' && raw[at - 1] !== '\r') fault = 'bare-line-end';
    else if (char === '\r' && raw[at + 1] !== '\n') fault = 'bare-line-end';
  }
  const emptyLine = content.startsWith('\r\n') ? 2 : content.indexOf('\r\n\r\n') < 0 ? content.length : content.indexOf('\r\n\r\n') + 4;
  return { content, end, fault, headerBytes: emptyLine };
}

function take(input: string, cuts: readonly number[]): Taken {
  const bytes = Buffer.from(input, 'latin1');
  const parts: Buffer[] = [];
  const body = new DotBody(limits, (part) => parts.push(part));
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  for (const [at, edge] of edges.slice(1).entries()) {
    const from = edges[at] ?? 0;
    // The chunk begins before what is to be read, as it does behind a command.
    const lead = Math.min(from, 2);
    const end = body.push(bytes.subarray(from - lead, edge), lead);
    if (end >= 0) return taken(body, parts, from - lead + end);
  }
  return taken(body, parts, -1);
}

function taken(body: DotBody, parts: Buffer[], end: number): Taken {
  return { content: Buffer.concat(parts).toString('latin1'), end, fault: body.fault, headerBytes: body.facts.headerBytes };
}

const alphabet = fc.constantFrom('\r\n', '\r\n', '\r\n.', '.', '\r', '\n', 'a', '\r\n.\r\n', '\0', 'é', 'longer text', ' ');
const inputs = fc.array(alphabet, { maxLength: 40 }).map((parts) => parts.join(''));
const goodInputs = fc
  .array(fc.constantFrom('\r\n', '\r\n.x', '\r\n..', 'a', '.b', 'text text text', '\r\n\r\n'), { maxLength: 40 })
  .map((parts) => `${parts.join('')}\r\n.\r\nNOOP\r\n`);
const cutting = fc.array(fc.nat(400), { maxLength: 30 });

test('any input in any chunks is taken as the definition says', () => {
  fc.assert(
    fc.property(inputs, cutting, (input, cuts) => {
      const wanted = reference(input);
      const got = take(input, cuts);
      expect(got.end).toBe(wanted.end);
      if (wanted.end < 0) return; // the end is what decides about a last CR, a dot, a header without an end
      expect(got.fault).toBe(wanted.fault);
      if (wanted.fault === undefined) expect(got).toEqual(wanted);
    }),
    { interruptAfterTimeLimit: 1_000, numRuns: 4_000 },
  );
});

test('good content in any chunks comes out whole', () => {
  fc.assert(
    fc.property(goodInputs, cutting, (input, cuts) => {
      const wanted = reference(input);
      fc.pre(wanted.fault === undefined);
      expect(take(input, cuts)).toEqual(wanted);
    }),
    { interruptAfterTimeLimit: 1_000, numRuns: 2_000 },
  );
});

test('what is stuffed comes back as it was', () => {
  const content = fc
    .array(fc.constantFrom('\r\n', '.', '..', 'a', 'text', '\r\n.', '\r\n.\r\n'), { maxLength: 40 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(content, cutting, cutting, (text, out, back) => {
      const stuffer = new DotStuffer();
      const bytes = Buffer.from(text);
      const edges = [...new Set([0, ...out.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
      const sent = edges.slice(1).map((edge, at) => stuffer.push(bytes.subarray(edges[at] ?? 0, edge)).toString());
      const wire = sent.join('') + stuffer.end().toString();
      const got = take(wire, back);
      expect(got.end).toBe(wire.length);
      expect(got.content).toBe(text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`);
    }),
    { interruptAfterTimeLimit: 1_000, numRuns: 2_000 },
  );
});

test('content made of dots comes in few pieces', () => {
  let pieces = 0;
  const body = new DotBody(limits, () => pieces++);
  body.push(Buffer.from('.\r\n'.repeat(0) + '.x\r\n'.repeat(10_000)), 0);
  expect(body.facts.sizeBytes).toBe(30_000);
  expect(pieces).toBe(1);
});

test('ordinary content is passed on, not copied', () => {
  const chunk = Buffer.from('Subject: x\r\n\r\ntext\r\n');
  const parts: Buffer[] = [];
  new DotBody(limits, (part) => parts.push(part)).push(chunk, 0);
  expect(parts[0]).toBe(chunk);
});

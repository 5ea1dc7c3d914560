import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ChunkBody, parseChunk } from '../src/chunk-body.ts';

const limits = { maxMessageBytes: 1_000, maxHeaderBytes: 1_000 };

/** Gives the content in chunks of BDAT that end at `ends`, each cut into pieces at `cuts` of the whole. */
function take(content: string, ends: readonly number[], cuts: readonly number[]) {
  const bytes = Buffer.from(content, 'latin1');
  const within = (marks: readonly number[]) => marks.map((mark) => mark % (bytes.length + 1));
  const chunkEnds = [...new Set([...within(ends), bytes.length])].sort((a, b) => a - b);
  const parts: Buffer[] = [];
  const body = new ChunkBody(limits, (part) => parts.push(part));
  let from = 0;
  for (const end of chunkEnds) {
    body.begin(end - from);
    const edges = [from, ...within(cuts).filter((cut) => cut > from && cut < end), end].sort((a, b) => a - b);
    for (const [at, edge] of edges.slice(1).entries()) {
      const start = edges[at] ?? 0;
      // What follows a chunk in the same piece of input is not the body's.
      const piece = edge === end ? bytes.subarray(start) : bytes.subarray(start, edge);
      const used = body.push(piece, 0);
      if (edge > start || end === from) expect(used).toBe(edge === end ? edge - start : -1);
    }
    from = end;
  }
  body.end();
  return { content: Buffer.concat(parts).toString('latin1'), fault: body.fault, facts: body.facts };
}

const contents = fc
  .array(fc.constantFrom('\r\n', '\r\n', '.', '\r\n.\r\n', 'a', 'text', '\r', '\n', '\0', 'é'), { maxLength: 30 })
  .map((parts) => parts.join(''));
const marks = fc.array(fc.nat(200), { maxLength: 8 });

test('any content in any chunks is taken as it is, its last line ended, or refused as a whole', () => {
  fc.assert(
    fc.property(contents, marks, marks, (content, ends, cuts) => {
      const taken = take(content, ends, cuts);
      const bad = /\0|\r(?!\n)|(?<!\r)\n/.exec(content);
      if (bad !== null) {
        expect(['nul', 'bare-line-end']).toContain(taken.fault);
        return;
      }
      const whole = content === '' || content.endsWith('\r\n') ? content : `${content}\r\n`;
      const emptyLine = whole.startsWith('\r\n') ? 2 : whole.indexOf('\r\n\r\n') < 0 ? whole.length : whole.indexOf('\r\n\r\n') + 4;
      expect(taken).toEqual({
        content: whole,
        fault: undefined,
        facts: { sizeBytes: whole.length, headerBytes: emptyLine, eightBit: whole.includes('é') },
      });
    }),
    { numRuns: 2_000 },
  );
});

test('what is announced beyond the limit is a fault before it comes, and is taken from the input all the same', () => {
  const parts: Buffer[] = [];
  const body = new ChunkBody(limits, (part) => parts.push(part));
  body.begin(600);
  expect(body.push(Buffer.alloc(700, 0x61), 0)).toBe(600);
  body.begin(401);
  expect(body.fault).toBe('too-large');
  expect(body.push(Buffer.alloc(400, 0x61), 0)).toBe(-1);
  expect(body.push(Buffer.alloc(10, 0x61), 3)).toBe(4);
  expect(Buffer.concat(parts)).toHaveLength(600);
});

test.each([
  ['0', { sizeBytes: 0, last: false }],
  ['12 LAST', { sizeBytes: 12, last: true }],
  ['007  last', { sizeBytes: 7, last: true }],
  ['', undefined],
  ['LAST', undefined],
  ['-1', undefined],
  ['1e3', undefined],
  ['0x10', undefined],
  ['1 LASTLY', undefined],
  ['1 LAST LAST', undefined],
  ['9007199254740993', undefined],
  ['999999999999999999999', undefined],
] as const)('BDAT %j', (rest, expected) => {
  expect(parseChunk(rest)).toEqual(expected);
});

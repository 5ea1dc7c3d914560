import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { headerValues } from './header-values.ts';
import { HttpProblem } from './problem.ts';
import { envelopeHeader, MessageQuery, type Problem } from './schemas.ts';

/** What a request says of the envelope, and where it said so: `/query/to`, `/request/Mailrail-To`. */
export interface EnvelopeWords {
  words: MessageQuery;
  placeOf: (word: keyof MessageQuery) => string;
}

const words = MessageQuery.keyof().options;
const listed = 'to';

/**
 * The envelope's words in the query and in headers of the request; each in one of the two.
 *
 * @throws HttpProblem 400 naming every wrong parameter at once
 */
export function envelopeWords(query: unknown, request: Pick<IncomingMessage, 'rawHeaders'>): EnvelopeWords {
  const inQuery: Record<string, unknown> = { ...(typeof query === 'object' ? query : {}) };
  const inHeaders = new Set<string>();
  const errors: NonNullable<Problem['errors']> = [];
  for (const word of words) {
    const values = headerValues(request, envelopeHeader(word));
    if (values.length === 0) continue;
    if (inQuery[word] !== undefined) {
      errors.push({ detail: 'it stands in the query and in a header', pointer: `/query/${word}` });
      continue;
    }
    const texts = values.map(asUtf8).flatMap((text) => (word === listed ? listOf(text) : [text]));
    inQuery[word] = texts.length === 1 ? texts[0] : texts;
    inHeaders.add(word);
  }
  const placeOf = (word: string) => (inHeaders.has(word) ? `/request/${envelopeHeader(word)}` : `/query/${word}`);
  const parsed = MessageQuery.safeParse(inQuery);
  if (parsed.success && errors.length === 0) return { words: parsed.data, placeOf };
  for (const issue of parsed.error?.issues ?? []) {
    const at = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [key]) : [issue.path];
    for (const [word = '', ...rest] of at) {
      errors.push({ detail: issueText(issue), pointer: [placeOf(String(word)), ...rest].join('/').slice(0, 200) });
    }
  }
  throw new HttpProblem(400, 'bad-parameters', 'the query has parameters that are wrong or unknown', { errors: errors.slice(0, 20) });
}

function issueText(issue: z.core.$ZodIssue): string {
  return issue.code === 'unrecognized_keys' ? 'there is no such parameter' : issue.message;
}

/** Headers arrive as their bytes, one character each. */
function asUtf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

/** Addresses with commas between them; a comma in a quoted local part ends nothing. */
function listOf(text: string): string[] {
  return text.match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g)?.map((one) => one.trim()) ?? [];
}

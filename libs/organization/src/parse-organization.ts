import { createHash } from 'node:crypto';
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { checkOrganization } from './check.ts';
import { substitute } from './environment.ts';
import { Organization } from './schema.ts';
import { type OrganizationSnapshot, snapshotOf } from './snapshot.ts';

/** One mistake in `organization.yaml`. */
export interface OrganizationError {
  line: number; // 1 for the first
  path: string; // `connectors[0].smartHosts[1]`, empty for the file as a whole
  message: string;
}

/** A file larger than this is none of ours. */
const maxLength = 4_000_000;
const maxErrors = 200;

/**
 * Reads an organization file.
 *
 * @param options `env` has the variables that `${NAME}` in the text stands for; without it there are none.
 * @returns the organization, or every mistake at once in the order of lines: syntax, unknown keys, wrong values, and what does
 *          not fit together.
 */
export function parseOrganization(
  text: string,
  { env = {} }: { env?: Readonly<Record<string, string | undefined>> } = {},
): { ok: true; snapshot: OrganizationSnapshot } | { ok: false; errors: OrganizationError[] } {
  if (text.length > maxLength) return { ok: false, errors: [{ line: 1, path: '', message: `is larger than ${maxLength} characters` }] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const errors: OrganizationError[] = [];
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  for (const { pos, message } of [...document.errors, ...document.warnings]) errors.push({ line: lineAt(pos[0]), path: '', message });
  // What a syntax error swallowed is not missing: only what is there is judged then.
  const broken = document.errors.some(({ code }) => code !== 'DUPLICATE_KEY');

  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value !== 'string') return;
      const { text: value, errors: missing } = substitute(node.value, env);
      node.value = value;
      for (const message of missing) errors.push({ line: lineAt(node.range?.[0] ?? 0), path: '', message });
    },
  });

  const value = plain(document, errors);
  const locate = (path: Path) => lineAt(offsetOf(document, path));
  const parsed = Organization.safeParse(value);
  if (!parsed.success) {
    for (const { path, key, message, missing } of parsed.error.issues.flatMap(explain)) {
      if (missing && broken) continue;
      const where = key === undefined ? path : [...path, key];
      errors.push({ line: locate(where), path: pathText(where), message });
    }
  }
  for (const { path, message } of broken ? [] : checkOrganization(value))
    errors.push({ line: locate(path), path: pathText(path), message });

  if (errors.length === 0 && parsed.success) {
    const version = createHash('sha256').update(text).digest('hex').slice(0, 12);
    return { ok: true, snapshot: snapshotOf(parsed.data, version) };
  }
  return { ok: false, errors: errors.sort((a, b) => a.line - b.line).slice(0, maxErrors) };
}

/** One text for all mistakes, a line each, to be shown after the file's name. */
export function organizationErrorsText(errors: readonly OrganizationError[]): string {
  return errors.map(({ line, path, message }) => `  line ${line}: ${path === '' ? '' : `${path}: `}${message}`).join('\n');
}

export type Path = readonly (string | number)[];

function plain(document: Document.Parsed, errors: OrganizationError[]): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // An alias bomb, or an alias to nothing.
    errors.push({ line: 1, path: '', message: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

/** Zod's issues in the words of a settings file; an unknown key is a mistake of its own line. */
function explain(issue: z.core.$ZodIssue): { path: Path; key?: string; message: string; missing: boolean }[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path, key, message: 'is no setting known here', missing: false }));
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    return issue.errors.flatMap((inner) => inner.flatMap((one) => explain({ ...one, path: [...issue.path, ...one.path] })));
  }
  const absent = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  const missing = absent || issue.code === 'too_small';
  const message = absent ? `is missing (${issue.expected} expected)` : issue.message.replace(/^Invalid (input|string|option): /, '');
  return [{ path, message, missing }];
}

function pathText(path: Path): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

/** Where a path begins in the text; where it does not exist, the nearest thing around it. */
function offsetOf(document: Document.Parsed, path: Path): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap<ParsedNode>(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
      if (pair === undefined) return offset;
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = typeof part === 'number' ? node.items[part] : undefined;
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    } else return offset;
  }
  return offset;
}

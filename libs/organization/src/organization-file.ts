import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { type OrganizationError, organizationErrorsText, parseOrganization } from './parse-organization.ts';
import type { OrganizationSnapshot, OrganizationSource } from './snapshot.ts';

export interface OrganizationFileOptions {
  /** The new organization is in force. */
  onChange?: (snapshot: OrganizationSnapshot) => void;
  /** The file has changed and is not valid (or cannot be read); the old one stays in force. Told once per content. */
  onInvalid?: (errors: readonly OrganizationError[]) => void;
  /** How often the file is looked at. Default 5,000. */
  pollMs?: number;
  /** Variables the file may name. Default: the process's. */
  env?: Readonly<Record<string, string | undefined>>;
}

/**
 * The organization as a file says it, followed while it changes. A change is looked for by time, size and identity of the file
 * and decided by its digest, so a replaced link (as a ConfigMap is updated) is seen, and a touched file is no change.
 *
 * @throws Error when the file cannot be read or is not valid at the beginning, naming every mistake with its line.
 */
export function organizationFile(path: string, options: OrganizationFileOptions = {}): OrganizationSource {
  const { onChange, onInvalid, pollMs = 5_000, env = process.env } = options;
  const text = readFileSync(path, 'utf8');
  const first = parseOrganization(text, { env });
  if (!first.ok) throw new Error(`${path} is not valid:\n${organizationErrorsText(first.errors)}`);
  let current = first.snapshot;
  let seenStamp = '';
  let seenDigest = digest(text); // of the last text looked at, valid or not
  let restless = ''; // a stamp that differed at the last look
  let looking = false;

  const look = async () => {
    const { mtimeMs, ctimeMs, size, ino } = await stat(path);
    const stamp = `${mtimeMs}:${ctimeMs}:${size}:${ino}`;
    if (stamp === seenStamp) return;
    if (stamp !== restless) {
      restless = stamp; // whoever writes may not have finished: it must rest for one look
      return;
    }
    const changed = await readFile(path, 'utf8');
    seenStamp = stamp;
    if (digest(changed) === seenDigest) return;
    seenDigest = digest(changed);
    const parsed = parseOrganization(changed, { env });
    if (!parsed.ok) return onInvalid?.(parsed.errors);
    if (parsed.snapshot.version === current.version) return;
    current = parsed.snapshot;
    onChange?.(current);
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch((error: unknown) => {
        const message = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
        if (seenDigest === message) return;
        seenDigest = message;
        seenStamp = '';
        onInvalid?.([{ line: 1, path: '', message }]);
      })
      .finally(() => {
        looking = false;
      });
  }, pollMs);
  timer.unref();

  return { current: () => current, close: () => clearInterval(timer) };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { oneLine } from '@mailrail/mail';
import { ConfigError } from '@mailrail/organization';
import type { Log } from '@mailrail/telemetry';
import { silentLog } from '@mailrail/telemetry';
import { directoryIndex, type DirectoryIndex, type Listed } from './directory-index.ts';
import { dnKey } from './dn.ts';
import { entryOf, idOfDn } from './entry.ts';
import { activeDirectory, binaryAttributes, type EntryProfile } from './entry-profile.ts';
import { type LdifError, ldifReader } from './ldif.ts';
import type { Directory } from './port.ts';

export interface LdifDirectoryOptions {
  /** How often the file is looked at. Default 5,000. */
  pollMs?: number;
  profile?: EntryProfile;
  log?: Log;
  /** A changed file is in force. */
  onChange?: (loaded: LoadedLdif) => void;
  /** A changed file is broken; what was read before stays in force. Told once per change of the file. */
  onInvalid?: (errors: readonly LdifError[]) => void;
}

/** What a file gave. */
export interface LoadedLdif {
  version: string; // first 12 hex digits of the SHA-256 of the bytes
  entries: number;
  warnings: readonly LdifError[]; // values that were left out; at most 100, each with its entry's line
}

export type LdifDirectory = Directory & { version(): string; loaded(): LoadedLdif };

const maxWarnings = 100;

/**
 * A directory from an LDIF file, read into memory and followed while it changes: a change is read when the file has rested for
 * one poll, and swapped in whole. A broken file changes nothing.
 *
 * @throws LdifFileError when the file cannot be read or is broken at the beginning, with every line.
 */
export async function ldifDirectory(path: string, options: LdifDirectoryOptions = {}): Promise<LdifDirectory> {
  const { pollMs = 5_000, profile = activeDirectory, log = silentLog, onChange, onInvalid } = options;
  let seen = await stampOf(path);
  const first = await load(path, profile);
  if (!first.ok) throw new LdifFileError(path, first.errors);
  let { index, loaded } = first;
  let restless: string | undefined; // a stamp that differed at the last poll
  let looking = false;
  log.info('directory.loaded', { version: loaded.version, entries: loaded.entries, warnings: loaded.warnings.length });
  warn(log, loaded);

  const look = async () => {
    const stamp = await stampOf(path);
    if (stamp === seen) return;
    // Whoever writes may not have finished: half a file can be a valid one.
    if (stamp !== restless) {
      restless = stamp;
      return;
    }
    const read = await load(path, profile);
    if ((await stampOf(path)) !== stamp) return;
    seen = stamp;
    restless = undefined;
    if (!read.ok) {
      log.error('directory.invalid', { errors: read.errors.slice(0, 20) });
      onInvalid?.(read.errors);
      return;
    }
    if (read.loaded.version === loaded.version) return;
    ({ index, loaded } = read);
    log.info('directory.changed', { version: loaded.version, entries: loaded.entries, warnings: loaded.warnings.length });
    warn(log, loaded);
    onChange?.(loaded);
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch((error: unknown) => {
        // Told once, by the stamp that no file has: it is gone or unreadable, and what was read stays.
        if (seen === 'unreadable') return;
        seen = 'unreadable';
        const errors = [{ line: 1, message: oneLine(`cannot be read: ${error instanceof Error ? error.message : String(error)}`) }];
        log.error('directory.invalid', { errors });
        onInvalid?.(errors);
      })
      .finally(() => {
        looking = false;
      });
  }, pollMs);
  timer.unref();

  return {
    byAddress: async (addresses) => ({ ok: true, value: index.byAddress(addresses) }),
    byDn: async (dns) => ({ ok: true, value: index.byDn(dns) }),
    search: (base, filter, limit) => index.search(base, filter, limit),
    version: () => loaded.version,
    loaded: () => loaded,
    probe: async () => ({ ok: true, value: undefined }),
    close: async () => clearInterval(timer),
  };
}

/** An LDIF file that cannot be used, with what is wrong in it. */
export class LdifFileError extends ConfigError {
  readonly errors: readonly LdifError[];
  constructor(path: string, errors: readonly LdifError[]) {
    super(`directory: ${path} is not valid:\n${errors.map(({ line, message }) => `  line ${line}: ${message}`).join('\n')}`);
    this.name = 'LdifFileError';
    this.errors = errors;
  }
}

type Loaded = { ok: true; index: DirectoryIndex; loaded: LoadedLdif } | { ok: false; errors: readonly LdifError[] };

async function load(path: string, profile: EntryProfile): Promise<Loaded> {
  const digest = createHash('sha256');
  const decoder = new StringDecoder('utf8');
  const rows: Listed[] = [];
  const lines = new Map<string, number>(); // of each DN
  const ids = new Set<string>();
  const warnings: LdifError[] = [];
  const doubles: LdifError[] = [];
  const note = (line: number, message: string) => {
    if (warnings.length < maxWarnings) warnings.push({ line, message });
  };
  const reader = ldifReader({
    binary: binaryAttributes,
    onRecord: ({ dn, line, attributes }) => {
      const key = dnKey(dn);
      const before = lines.get(key);
      if (before !== undefined || key.startsWith('?')) {
        if (doubles.length < maxWarnings)
          doubles.push({ line, message: before === undefined ? 'dn is no DN' : `the same dn as in line ${before}` });
        return;
      }
      lines.set(key, line);
      const { entry, warnings: found } = entryOf(dn, attributes, profile);
      for (const message of found) note(line, message);
      if (ids.has(entry.id)) {
        note(line, 'identity: another entry has the same, so a digest of the dn takes its place');
        entry.id = idOfDn(dn);
      }
      ids.add(entry.id);
      rows.push({ entry, attributes });
    },
  });
  for await (const chunk of createReadStream(path, { highWaterMark: 262_144 })) {
    if (!Buffer.isBuffer(chunk)) continue; // a stream without an encoding gives buffers alone
    digest.update(chunk);
    reader.write(decoder.write(chunk));
  }
  reader.write(decoder.end());
  const errors = [...reader.end(), ...doubles].sort((a, b) => a.line - b.line);
  if (errors.length > 0) return { ok: false, errors };
  const loaded = { version: digest.digest('hex').slice(0, 12), entries: rows.length, warnings };
  return { ok: true, index: directoryIndex(rows), loaded };
}

function warn(log: Log, { warnings }: LoadedLdif): void {
  if (warnings.length > 0) log.warn('directory.warnings', { count: warnings.length, first: warnings.slice(0, 20) });
}

async function stampOf(path: string): Promise<string> {
  const { mtimeMs, ctimeMs, size, ino } = await stat(path);
  return `${mtimeMs}:${ctimeMs}:${size}:${ino}`;
}

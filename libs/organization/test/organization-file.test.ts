import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type OrganizationError,
  organizationFile,
  organizationOf,
  type OrganizationSnapshot,
  type OrganizationSource,
} from '../src/index.ts';

const text = (postmaster: string) => `organization: Corp
site: london
server: EX1
servers: [{ name: EX1, site: london }]
domains: [{ name: corp.example, type: authoritative }]
postmaster: ${postmaster}
`;

describe('organizationFile', () => {
  let folder = '';
  let source: OrganizationSource | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mailrail-organization-'));
  });
  afterEach(async () => {
    source?.close();
    await rm(folder, { recursive: true });
  });

  /** Opens the file and gives what happens next, one after the other; a deadline is jest's. */
  function follow(path: string) {
    const happened: ({ changed: OrganizationSnapshot } | { invalid: readonly OrganizationError[] })[] = [];
    let waiting: (() => void) | undefined;
    const tell = (one: (typeof happened)[number]) => {
      happened.push(one);
      waiting?.();
    };
    const opened = organizationFile(path, {
      pollMs: 10,
      onChange: (changed) => tell({ changed }),
      onInvalid: (invalid) => tell({ invalid }),
    });
    source = opened;
    const next = async () => {
      if (happened.length === 0) {
        await new Promise<void>((resolve) => {
          waiting = resolve;
        });
      }
      return happened.shift();
    };
    return { opened, next, happened };
  }

  test('a file that is not valid at the beginning is an error with every line', async () => {
    const path = join(folder, 'organization.yaml');
    await writeFile(path, `${text('nobody')}colour: red\n`);
    expect(() => organizationFile(path)).toThrow(/is not valid:\n {2}line 6: postmaster: .*\n {2}line 7: colour: is no setting known here/);
    expect(() => organizationFile(join(folder, 'missing.yaml'))).toThrow(/ENOENT/);
  });

  test('a change comes into force; an invalid one is told once and the old one stays', async () => {
    const path = join(folder, 'organization.yaml');
    await writeFile(path, text('a@corp.example'));
    const { opened, next, happened } = follow(path);
    const first = opened.current();
    expect(first.settings.postmaster).toBe('a@corp.example');

    await writeFile(path, text('b@elsewhere.example'));
    expect(await next()).toMatchObject({ invalid: [{ line: 6, path: 'postmaster' }] });
    expect(opened.current()).toBe(first);

    await writeFile(path, text('c@corp.example'));
    const changed = await next();
    expect(changed).toMatchObject({ changed: { settings: { postmaster: 'c@corp.example' } } });
    expect(opened.current().version).not.toBe(first.version);
    expect(happened).toEqual([]);
  });

  test('a file that goes away keeps what was, and a replaced link is followed', async () => {
    const path = join(folder, 'organization.yaml');
    await writeFile(join(folder, 'one'), text('a@corp.example'));
    await writeFile(join(folder, 'two'), text('b@corp.example'));
    await symlink(join(folder, 'one'), path);
    const { opened, next } = follow(path);
    await rm(path);
    expect(await next()).toMatchObject({ invalid: [{ message: expect.stringContaining('cannot be read') }] });
    expect(opened.current().settings.postmaster).toBe('a@corp.example');

    await symlink(join(folder, 'two'), join(folder, 'new'));
    await rename(join(folder, 'new'), path);
    expect(await next()).toMatchObject({ changed: { settings: { postmaster: 'b@corp.example' } } });
  });
});

test('organizationOf takes what differs, as it would stand in the file', () => {
  const snapshot = organizationOf({
    domains: [{ name: 'Other.example', type: 'authoritative' }],
    schedule: { expireAfter: '3d' },
  }).current();
  expect(snapshot.settings.schedule.expireAfter).toBe(259_200_000);
  expect(snapshot.domain('other.example')?.type).toBe('authoritative');
  expect(() => organizationOf({ site: '' })).toThrow();
});

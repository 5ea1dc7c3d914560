import { describe, expect, test } from '@jest/globals';
import { derivedId } from '@mailrail/mail';
import { createHash, randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type ContentStore, ContentStoreError } from '../src/index.ts';

/** A store to try, and the power to make a body look written long ago. */
export interface OpenStore {
  store: ContentStore;
  readonly age: (ref: string, writtenAt: number) => void;
  readonly close: () => void;
}

const hour = 3_600_000;
/** A UUIDv7 of a time, RFC 9562 §5.7. */
export function idAt(at: number): string {
  const time = Math.floor(at).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
export const bytes = (text: string) => [Buffer.from(text)];
export const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex');

export async function textOf(store: ContentStore, ref: string, range?: { start?: number; end?: number }): Promise<string> {
  return Buffer.concat(await store.read(ref, range).toArray()).toString();
}

/** What a promise failed with: the code of a ContentStoreError, or the error itself so that the test shows it. */
export async function codeOf(action: Promise<unknown>): Promise<unknown> {
  try {
    return ['did not fail', await action];
  } catch (error) {
    return error instanceof ContentStoreError ? error.code : error;
  }
}

/** What every content store does. */
export function contentStoreSuite(name: string, open: () => OpenStore): void {
  describe(`content store: ${name}`, () => {
    const withStore = (what: string, run: (opened: OpenStore) => Promise<void>) =>
      test(what, async () => {
        const opened = open();
        try {
          await run(opened);
        } finally {
          opened.close();
        }
      });

    withStore('what was put is read back, with size and digest', async ({ store }) => {
      const stored = await store.put({ rootId: idAt(Date.now()), form: 'internet' }, [
        Buffer.from('Return-Path: <>\r\n'),
        Buffer.from('body'),
      ]);
      expect(stored).toMatchObject({ sizeBytes: 21, sha256: sha256('Return-Path: <>\r\nbody'), existed: false });
      expect(await textOf(store, stored.ref)).toBe('Return-Path: <>\r\nbody');
      expect(await store.size(stored.ref)).toBe(21);
      expect(await store.verify(stored.ref)).toEqual({ sizeBytes: 21, sha256: stored.sha256 });
    });

    withStore('what nobody knows of yet is stored like everything else', async ({ store }) => {
      const key = { rootId: idAt(Date.now()), form: 'internet' };
      const stored = await store.put(key, [Buffer.from('Return-Path: <>\r\n'), Buffer.from('body')], { fresh: true });
      expect(stored).toMatchObject({ sizeBytes: 21, sha256: sha256('Return-Path: <>\r\nbody'), existed: false });
      expect(await textOf(store, stored.ref)).toBe('Return-Path: <>\r\nbody');
      expect(await store.put(key, bytes('other'))).toEqual({ ...stored, existed: true });
    });

    withStore('an empty body is a body', async ({ store }) => {
      const { ref, sizeBytes } = await store.put({ rootId: idAt(Date.now()), form: 'internet' }, []);
      expect([sizeBytes, await textOf(store, ref), await store.size(ref)]).toEqual([0, '', 0]);
    });

    withStore('a second put of a key never replaces: it gets the figures of the first', async ({ store }) => {
      const key = { rootId: idAt(Date.now()), form: 'internet' };
      const first = await store.put(key, bytes('first'));
      const second = await store.put(key, bytes('the second'));
      expect(second).toEqual({ ...first, existed: true });
      const writer = store.writer(key);
      void writer.write(Buffer.from('a third'));
      expect(await writer.commit()).toEqual({ ...first, existed: true });
      expect(await textOf(store, first.ref)).toBe('first');
    });

    withStore('of many at once with one key exactly one is first', async ({ store }) => {
      const key = { rootId: idAt(Date.now()), form: 'internet' };
      const all = await Promise.all(Array.from({ length: 20 }, (_, i) => store.put(key, bytes(`body ${i}`))));
      expect(all.filter(({ existed }) => !existed)).toHaveLength(1);
      expect(new Set(all.map((one) => one.sha256)).size).toBe(1);
      expect(sha256(await textOf(store, all[0]?.ref ?? ''))).toBe(all[0]?.sha256);
    });

    withStore('forms of one root are bodies of their own', async ({ store }) => {
      const rootId = idAt(Date.now());
      const [one, other] = await Promise.all([
        store.put({ rootId, form: 'internet' }, bytes('one')),
        store.put({ rootId, form: 'internet.rp-0a1b' }, bytes('other')),
      ]);
      expect([await textOf(store, one.ref), await textOf(store, other.ref)]).toEqual(['one', 'other']);
    });

    withStore('a root without a time, and one in capitals, keep bodies as well', async ({ store }) => {
      const report = derivedId(idAt(Date.now()), 'report');
      const { ref } = await store.put({ rootId: report, form: 'report' }, bytes('report'));
      expect(await textOf(store, ref)).toBe('report');
      const again = await store.put({ rootId: report.toUpperCase(), form: 'report' }, bytes('other'));
      expect(again).toMatchObject({ ref, existed: true });
    });

    withStore('a writer takes a large body piece by piece', async ({ store }) => {
      const piece = Buffer.alloc(50_000, 'abcdefghij');
      const writer = store.writer({ rootId: idAt(Date.now()), form: 'internet' });
      for (let i = 0; i < 40; i += 1) await writer.write(piece);
      const stored = await writer.commit();
      const whole = Buffer.concat(Array.from({ length: 40 }, () => piece));
      expect(stored).toMatchObject({ sizeBytes: 2_000_000, sha256: sha256(whole), existed: false });
      expect(Buffer.concat(await store.read(stored.ref).toArray()).equals(whole)).toBe(true);
      expect(await store.verify(stored.ref)).toEqual({ sizeBytes: 2_000_000, sha256: stored.sha256 });
      expect((await store.head(stored.ref, 100_000)).equals(whole.subarray(0, 100_000))).toBe(true);
      expect(
        Buffer.concat(await store.read(stored.ref, { start: 1_000_003, end: 1_900_001 }).toArray()).equals(
          whole.subarray(1_000_003, 1_900_001),
        ),
      ).toBe(true);
    });

    withStore('what is written can be read back before the commit, where the store can do that', async ({ store }) => {
      for (const size of [0, 10, 1_000_000]) {
        const writer = store.writer({ rootId: idAt(Date.now()), form: 'internet.unchecked' });
        const whole = Buffer.alloc(size, 'abcdefghij');
        for (let at = 0; at < size; at += 70_001) await writer.write(whole.subarray(at, at + 70_001));
        if (writer.readBack === undefined) return writer.abort();
        const parts: Uint8Array[] = [];
        for await (const part of writer.readBack()) parts.push(part);
        expect(Buffer.concat(parts).equals(whole)).toBe(true);
        await writer.abort();
      }
      expect(await store.sweep(Number.POSITIVE_INFINITY)).toBe(0);
      return undefined;
    });

    withStore('nothing is there before the commit, nor after an abort', async ({ store }) => {
      const key = { rootId: idAt(Date.now()), form: 'internet' };
      const { ref } = await store.put({ rootId: idAt(Date.now()), form: 'internet' }, bytes('x'));
      const mine = `${key.rootId}${ref.slice(36)}`;
      for (const size of [10, 400_000]) {
        const writer = store.writer(key);
        await writer.write(Buffer.alloc(size));
        expect(await codeOf(store.size(mine))).toBe('missing');
        await writer.abort();
        await writer.abort();
        expect(await codeOf(store.size(mine))).toBe('missing');
      }
      expect((await store.put(key, bytes('now'))).existed).toBe(false);
    });

    test.each([
      { range: {}, gives: '0123456789' },
      { range: { start: 4 }, gives: '456789' },
      { range: { end: 4 }, gives: '0123' },
      { range: { start: 2, end: 5 }, gives: '234' },
      { range: { start: 5, end: 5 }, gives: '' },
      { range: { start: 8, end: 100 }, gives: '89' },
      { range: { start: 10 }, gives: '' },
      { range: { start: 50 }, gives: '' },
    ])('reads the range $range', async ({ range, gives }) => {
      const { store, close } = open();
      const { ref } = await store.put({ rootId: idAt(Date.now()), form: 'internet' }, bytes('0123456789'));
      expect(await textOf(store, ref, range)).toBe(gives);
      close();
    });

    withStore('the head is at most what was asked for', async ({ store }) => {
      const { ref } = await store.put({ rootId: idAt(Date.now()), form: 'internet' }, bytes('Subject: x\r\n\r\nbody'));
      expect((await store.head(ref, 10)).toString()).toBe('Subject: x');
      expect((await store.head(ref, 1_000)).toString()).toBe('Subject: x\r\n\r\nbody');
    });

    withStore('a body that is not there is missing, however it is asked for', async ({ store }) => {
      const { ref } = await store.put({ rootId: idAt(Date.now()), form: 'internet' }, bytes('x'));
      const gone = `${idAt(Date.now() - hour)}${ref.slice(36)}`;
      expect(await codeOf(store.size(gone))).toBe('missing');
      expect(await codeOf(store.head(gone, 10))).toBe('missing');
      expect(await codeOf(store.verify(gone))).toBe('missing');
      expect(await codeOf(textOf(store, gone))).toBe('missing');
      expect(await codeOf(store.hold(gone))).toBe('missing');
    });

    test.each([
      '',
      '.',
      '../../etc/passwd',
      '/etc/passwd',
      '0190a0b0-0000-7000-8000-000000000000',
      '0190a0b0-0000-7000-8000-000000000000.',
      '0190a0b0-0000-7000-8000-000000000000.../x',
      '0190a0b0-0000-7000-8000-000000000000.a/../b',
      '0190a0b0-0000-7000-8000-000000000000.A',
      '0190A0B0-0000-7000-8000-000000000000.a',
      '0190a0b0-0000-7000-8000-000000000000.a\n',
      '0190a0b0-0000-7000-8000-000000000000.a..b',
      '0190a0b0-0000-7000-8000-000000000000.\0',
      `0190a0b0-0000-7000-8000-000000000000.${'a'.repeat(65)}`,
      ' 0190a0b0-0000-7000-8000-000000000000.a',
    ])('%j is no reference', async (ref) => {
      const { store, close } = open();
      expect(await codeOf(store.size(ref))).toBe('invalid');
      expect(await codeOf(store.head(ref, 1))).toBe('invalid');
      expect(await codeOf(store.verify(ref))).toBe('invalid');
      expect(await codeOf(textOf(store, ref))).toBe('invalid');
      expect(await codeOf(store.hold(ref))).toBe('invalid');
      expect(await codeOf(store.release(ref))).toBe('invalid');
      expect(store.filePath(ref)).toBeUndefined();
      close();
    });

    test.each([
      { rootId: '../../../tmp/x', form: 'internet' },
      { rootId: 'not a uuid', form: 'internet' },
      { rootId: '0190a0b0-0000-7000-8000-000000000000', form: '../x' },
      { rootId: '0190a0b0-0000-7000-8000-000000000000', form: '' },
      { rootId: '0190a0b0-0000-7000-8000-000000000000', form: 'Internet' },
    ])('$rootId with $form is no key', async (key) => {
      const { store, close } = open();
      expect(await codeOf(store.put(key, bytes('x')))).toBe('invalid');
      expect(() => store.writer(key)).toThrow(ContentStoreError);
      close();
    });

    withStore('sweeping takes what is older, by identity and by writing, and nothing else', async ({ store, age }) => {
      const now = Date.now();
      const put = async (at: number, writtenAt: number) => {
        const { ref } = await store.put({ rootId: idAt(at), form: 'internet' }, bytes('x'));
        age(ref, writtenAt);
        return ref;
      };
      const old = await put(now - 10 * hour, now - 10 * hour);
      const oldToo = await put(now - 10 * hour + 1, now - 10 * hour);
      const young = await put(now - hour, now - hour);
      const lateWritten = await put(now - 10 * hour, now - hour); // came from a peer whose clock, or whose mail, was late
      const { ref: report } = await store.put({ rootId: derivedId(old.slice(0, 36), 'report'), form: 'report' }, bytes('x'));
      age(report, now - 10 * hour);
      const { ref: youngReport } = await store.put({ rootId: derivedId(young.slice(0, 36), 'report'), form: 'report' }, bytes('x'));

      expect(await store.sweep(now - 5 * hour)).toBe(3);
      for (const ref of [old, oldToo, report]) expect(await codeOf(store.size(ref))).toBe('missing');
      for (const ref of [young, lateWritten, youngReport]) expect(await store.size(ref)).toBe(1);
      expect(await store.sweep(now - 5 * hour)).toBe(0);
      expect((await store.put({ rootId: old.slice(0, 36), form: 'internet' }, bytes('again'))).existed).toBe(false);
    });

    withStore('a pinned body outlives the sweep and is read as before, until it is released', async ({ store, age }) => {
      const now = Date.now();
      const { ref, sha256: digest } = await store.put({ rootId: idAt(now - 10 * hour), form: 'internet' }, bytes('parked'));
      age(ref, now - 10 * hour);
      await store.hold(ref);
      await store.hold(ref);
      expect(await store.sweep(now - hour)).toBe(1);
      expect(await textOf(store, ref)).toBe('parked');
      expect((await store.head(ref, 3)).toString()).toBe('par');
      expect(await store.verify(ref)).toEqual({ sizeBytes: 6, sha256: digest });
      await store.hold(ref); // of a body that has only its pin left
      await store.release(ref);
      await store.release(ref);
      expect(await codeOf(store.size(ref))).toBe('missing');
    });

    withStore('releasing a body that is young leaves it', async ({ store }) => {
      const { ref } = await store.put({ rootId: idAt(Date.now()), form: 'internet' }, bytes('x'));
      await store.hold(ref);
      await store.release(ref);
      expect(await textOf(store, ref)).toBe('x');
    });

    withStore('a reader that goes away leaves the store in order', async ({ store }) => {
      const { ref } = await store.put({ rootId: idAt(Date.now()), form: 'internet' }, [Buffer.alloc(1_000_000, 'x')]);
      const stream = store.read(ref);
      for await (const _ of stream) break;
      await setImmediate();
      expect(stream.destroyed).toBe(true);
      expect(await store.size(ref)).toBe(1_000_000);
    });

    withStore('probes', async ({ store }) => {
      await store.probe();
    });
  });
}

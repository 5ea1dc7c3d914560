import { afterAll, describe, expect, test } from '@jest/globals';
import { derivedId } from '@mailrail/mail';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type ContentStore, type Disk, type FilesystemContentStoreOptions, filesystemContentStore, realDisk } from '../src/index.ts';
import { bytes, codeOf, contentStoreSuite, idAt, textOf } from './content-store-suite.ts';
import { diskError, diskWith, failsWith, rejectsWith } from './faulty-disk.ts';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'content-store-'));
afterAll(() => fs.rmSync(root, { recursive: true }));

function openStore(options: Partial<FilesystemContentStoreOptions> = {}): { directory: string; store: ContentStore } {
  const directory = options.directory ?? fs.mkdtempSync(`${root}/`);
  return { directory, store: filesystemContentStore({ directory, ...options }) };
}
const everyFile = (directory: string) =>
  fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .sort();
const setTime = (file: string, at: number) => fs.utimesSync(file, at / 1_000, at / 1_000);
const keyAt = (at = Date.now()) => ({ rootId: idAt(at), form: 'internet' });
const march = Date.UTC(2026, 2, 1, 9, 41, 7);
const day = 86_400_000;

contentStoreSuite('on a file system', () => {
  const { store } = openStore();
  return { store, age: (ref, writtenAt) => setTime(store.filePath(ref) ?? '', writtenAt), close: () => {} };
});

describe('layout', () => {
  test('a body lies in the folder of its minute, read-only, with one name', async () => {
    const { store, directory } = openStore();
    const key = keyAt(march);
    const { ref } = await store.put(key, bytes('x'));
    expect(ref).toBe(`${key.rootId}.internet`);
    expect(everyFile(directory)).toEqual([`2026-03-01T09/41/${ref}`]);
    expect(store.filePath(ref)).toBe(`${directory}/2026-03-01T09/41/${ref}`);
    const { mode, nlink } = fs.statSync(store.filePath(ref) ?? '');
    expect([mode & 0o777, nlink]).toEqual([0o440, 1]);
    expect(fs.statSync(`${directory}/2026-03-01T09/41`).mode & 0o777).toBe(0o750);
  });

  test.each([
    { what: 'an identity without a time', id: derivedId(idAt(march), 'report') },
    { what: 'a time no calendar of four digits has', id: 'ffffffff-ffff-7000-8000-000000000000' },
  ])('$what lies in the fan-out', async ({ id }) => {
    const { store, directory } = openStore();
    const { ref } = await store.put({ rootId: id, form: 'report' }, bytes('x'));
    expect(everyFile(directory)).toEqual([`derived/${id.slice(0, 2)}/${ref}`]);
    expect(await textOf(store, ref)).toBe('x');
  });

  test('two stores on one folder share it: the second finds what the first put, and what it pinned', async () => {
    const { store, directory } = openStore();
    const other = openStore({ directory }).store;
    const key = keyAt();
    const first = await store.put(key, bytes('x'));
    expect(await other.put(key, bytes('y'))).toEqual({ ...first, existed: true });
    await store.hold(first.ref);
    fs.unlinkSync(store.filePath(first.ref) ?? '');
    expect(await textOf(other, first.ref)).toBe('x');
    expect(other.filePath(first.ref)).toBe(`${directory}/held/${first.ref}`);
  });

  test('a body that was made a symbolic link is not followed', async () => {
    const { store } = openStore();
    const { ref } = await store.put(keyAt(), bytes('x'));
    const file = store.filePath(ref) ?? '';
    fs.unlinkSync(file);
    fs.symlinkSync('/etc/passwd', file);
    expect(await codeOf(store.head(ref, 100))).toBe('unavailable');
  });

  test('a store whose folder is gone is unavailable: nothing there is no answer', async () => {
    const { store, directory } = openStore();
    const { ref } = await store.put(keyAt(), bytes('x'));
    fs.renameSync(directory, `${directory}.gone`);
    fs.mkdirSync(directory); // the mount point under a volume that went away
    expect(await codeOf(store.size(ref))).toBe('unavailable');
    expect(await codeOf(store.hold(ref))).toBe('unavailable');
    fs.rmdirSync(directory);
    fs.renameSync(`${directory}.gone`, directory);
    expect(await textOf(store, ref)).toBe('x');
  });

  test('a folder that cannot be made is said at once', () => {
    fs.writeFileSync(`${root}/file`, '');
    expect(() => filesystemContentStore({ directory: `${root}/file/store` })).toThrow(/opening the store: E/);
  });
});

describe('durability', () => {
  /** What was done to the disk, in order, with paths from the store's folder on. */
  function tracing(): { disk: Disk; steps: string[]; openIn: (directory: string) => void } {
    const steps: string[] = [];
    const names = new Map<number, string>();
    let base = '';
    const short = (file: string) => path.relative(base, file).replace(/^tmp\/.*/, 'tmp') || '.';
    const disk = diskWith({
      create: (file, mode) => {
        const fd = realDisk.create(file, mode);
        names.set(fd, short(file));
        return fd;
      },
      createLater: async (file, mode) => {
        const fd = await realDisk.createLater(file, mode);
        names.set(fd, short(file));
        return fd;
      },
      openFolder: (file) => {
        const fd = realDisk.openFolder(file);
        names.set(fd, short(file));
        return fd;
      },
      flushData: async (fd) => {
        await realDisk.flushData(fd);
        steps.push(`flushed ${names.get(fd)}`);
      },
      flush: async (fd) => {
        await realDisk.flush(fd);
        steps.push(`flushed ${names.get(fd)}`);
      },
      link: (from, to) => {
        realDisk.link(from, to);
        steps.push(`linked ${short(to).replace(/[0-9a-f-]{36}/, 'ID')}`);
      },
      unlink: (file) => {
        realDisk.unlink(file);
        steps.push(`unlinked ${short(file)}`);
      },
    });
    return { disk, steps, openIn: (directory) => void (base = directory) };
  }

  test('bytes, then name, then folder: and the temporary name is gone before anybody is told', async () => {
    const { disk, steps, openIn } = tracing();
    const { store, directory } = openStore({ disk });
    openIn(directory);
    await store.put(keyAt(march), bytes('x'));
    expect(steps.filter((step) => !/^flushed (\.|2026-03-01T09)$/.test(step))).toEqual([
      'flushed tmp',
      'linked 2026-03-01T09/41/ID.internet',
      'unlinked tmp',
      'flushed 2026-03-01T09/41',
    ]);
    expect(steps).toEqual(expect.arrayContaining(['flushed .', 'flushed 2026-03-01T09'])); // the folders themselves
    steps.length = 0;
    await store.put(keyAt(march), bytes('x'));
    expect(steps).toEqual(['flushed tmp', 'linked 2026-03-01T09/41/ID.internet', 'unlinked tmp', 'flushed 2026-03-01T09/41']);
  });

  test('a body somebody else has just linked is flushed before it counts', async () => {
    const { store, directory } = openStore();
    const key = keyAt(march);
    const { ref } = await store.put(key, bytes('x'));
    const { disk, steps, openIn } = tracing();
    openIn(directory);
    const other = openStore({ directory, disk }).store;
    expect(await other.put(key, bytes('y'))).toMatchObject({ ref, existed: true });
    expect(steps).toContain('flushed 2026-03-01T09/41');
  });

  test('many at once share the flushes of their folder', async () => {
    let flushes = 0;
    const disk = diskWith({
      flush: (fd) => {
        flushes += 1;
        return realDisk.flush(fd);
      },
    });
    const { store } = openStore({ disk });
    await store.put(keyAt(march), bytes('x'));
    flushes = 0;
    await Promise.all(Array.from({ length: 100 }, () => store.put(keyAt(march), bytes('x'))));
    expect(flushes).toBeLessThan(60);
  });

  describe('under an identity nobody knows yet', () => {
    const fresh = { fresh: true };

    test('under its own name at once; bytes and name are both on the disk before anybody is told', async () => {
      const { disk, steps, openIn } = tracing();
      const { store, directory } = openStore({ disk });
      openIn(directory);
      await store.put(keyAt(march), bytes('x'), fresh); // makes the folder
      steps.length = 0;
      const { ref } = await store.put(keyAt(march), bytes('body'), fresh);
      expect(steps.sort()).toEqual(['flushed 2026-03-01T09/41', `flushed 2026-03-01T09/41/${ref}`]);
      expect(await textOf(store, ref)).toBe('body');
      const { mode, nlink } = fs.statSync(store.filePath(ref) ?? '');
      expect([mode & 0o777, nlink]).toEqual([0o440, 1]);
    });

    test.each(['flushData', 'flush'] as const)('%s takes its time: nobody is told before', async (slow) => {
      const gate = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const disk = diskWith({});
      const { store } = openStore({ disk });
      await store.put(keyAt(march), bytes('x'));
      disk[slow] = async (fd) => {
        begun.resolve();
        await gate.promise;
        return realDisk[slow](fd);
      };
      let told = false;
      const put = store.put(keyAt(march), bytes('y'), fresh).then((stored) => {
        told = true;
        return stored;
      });
      await begun.promise;
      for (let turn = 0; turn < 50; turn++) await setImmediate();
      expect(told).toBe(false);
      gate.resolve();
      expect(await put).toMatchObject({ existed: false, sizeBytes: 1 });
    });

    test.each([
      { name: 'the write', faults: { write: failsWith('ENOSPC') }, code: 'ENOSPC' },
      { name: 'the flush of the bytes', faults: { flushData: rejectsWith('EIO') }, code: 'EIO' },
      { name: 'the flush of the folder', faults: { flush: rejectsWith('EIO') }, code: 'EIO' },
      { name: 'making the file', faults: { createLater: rejectsWith('EMFILE') }, code: 'EMFILE' },
    ])('$name fails: unavailable, and nothing is left', async ({ faults, code }) => {
      const disk = diskWith({});
      const { store, directory } = openStore({ disk });
      const { ref } = await store.put(keyAt(march), bytes('x'));
      Object.assign(disk, faults);
      await expect(store.put(keyAt(march), bytes('y'), fresh)).rejects.toMatchObject({
        code: 'unavailable',
        message: `storing a body: ${code}`,
      });
      expect(everyFile(directory)).toEqual([`2026-03-01T09/41/${ref}`]);
    });

    test('an identity that was used before is not written over', async () => {
      const { store } = openStore();
      const key = keyAt(march);
      const { ref } = await store.put(key, bytes('first'));
      expect(await store.put(key, bytes('second'), fresh)).toMatchObject({ ref, existed: true, sizeBytes: 5 });
      expect(await textOf(store, ref)).toBe('first');
    });

    test('a crash between the two leaves what a sweep takes with its minute', async () => {
      const written = Promise.withResolvers<void>();
      const disk = diskWith({
        flushData: () => {
          written.resolve();
          return new Promise<never>(() => {});
        },
      });
      const { store, directory } = openStore({ disk });
      void store.put(keyAt(march), bytes('half'), fresh);
      await written.promise;
      const [left = ''] = everyFile(directory);
      setTime(`${directory}/${left}`, march);
      const another = openStore({ directory }).store;
      expect(await another.sweep(march + day)).toBe(1);
      expect(everyFile(directory)).toEqual([]);
    });
  });

  test('a crash before the name leaves a temporary file, and the sweep takes it when it is old', async () => {
    const { store, directory } = openStore({ temporaryMaxAgeMs: 60_000 });
    const writer = store.writer(keyAt());
    await writer.write(Buffer.alloc(600_000));
    const [abandoned = ''] = everyFile(directory);
    expect(abandoned).toMatch(/^tmp\//);
    await store.sweep(0);
    expect(everyFile(directory)).toEqual([abandoned]);
    setTime(`${directory}/${abandoned}`, Date.now() - 61_000);
    await store.sweep(0);
    expect(everyFile(directory)).toEqual([]);
  });
});

describe('a disk that fails', () => {
  const faults: { name: string; faults: Partial<Disk>; code: string }[] = [
    { name: 'no file can be made', faults: { create: failsWith('ENOSPC'), createLater: rejectsWith('ENOSPC') }, code: 'ENOSPC' },
    { name: 'no folder can be made', faults: { makeFolder: failsWith('EDQUOT') }, code: 'EDQUOT' },
    { name: 'the write fails', faults: { write: failsWith('ENOSPC'), writeLater: rejectsWith('ENOSPC') }, code: 'ENOSPC' },
    { name: 'the flush of the bytes fails', faults: { flushData: rejectsWith('EIO') }, code: 'EIO' },
    { name: 'the link fails', faults: { link: failsWith('EROFS') }, code: 'EROFS' },
    { name: 'the flush of a folder fails', faults: { flush: rejectsWith('EIO') }, code: 'EIO' },
    { name: 'no folder can be opened', faults: { openFolder: failsWith('EMFILE') }, code: 'EMFILE' },
  ];
  test.each(faults)('$name: unavailable, no body, nothing left, and well again afterwards', async ({ faults: replaced, code }) => {
    const disk = diskWith({});
    const { store, directory } = openStore({ disk });
    await store.put(keyAt(march - day), bytes('x')); // folders of another minute
    Object.assign(disk, replaced);
    const key = keyAt(march);
    const large = store.writer(keyAt(march));
    await large.write(Buffer.alloc(700_000));
    await large.write(Buffer.alloc(700_000));
    const failures = await Promise.allSettled([store.put(key, bytes('y')), large.commit()]);
    for (const failure of failures) {
      if (failure.status === 'fulfilled') throw new Error('stored on a broken disk');
      expect(failure.reason).toMatchObject({ name: 'ContentStoreError', code: 'unavailable', message: `storing a body: ${code}` });
      expect(failure.reason.message).not.toContain(directory);
    }
    expect(everyFile(directory).filter((file) => file.startsWith('tmp/'))).toEqual([]);
    Object.assign(disk, realDisk);
    const stored = await store.put(key, bytes('y'));
    expect(await textOf(store, stored.ref)).toBe('y');
  });

  test('a disk that writes a little at a time still has all of it', async () => {
    const disk = diskWith({
      write: (fd, some) => realDisk.write(fd, some.subarray(0, 7)),
      writeLater: (fd, some) => realDisk.writeLater(fd, some.subarray(0, 100_001)),
      read: (fd, into, at) => realDisk.read(fd, into.subarray(0, 5), at),
      readLater: (fd, into, at) => realDisk.readLater(fd, into.subarray(0, 70_001), at),
    });
    const { store } = openStore({ disk });
    for (const body of [Buffer.alloc(100, 'abc'), Buffer.alloc(900_000, 'defg')]) {
      const writer = store.writer(keyAt());
      for (let at = 0; at < body.length; at += 90_000) await writer.write(body.subarray(at, at + 90_000));
      const stored = await writer.commit();
      expect(await store.verify(stored.ref)).toEqual({ sizeBytes: body.length, sha256: stored.sha256 });
      expect(Buffer.concat(await store.read(stored.ref).toArray()).equals(body)).toBe(true);
    }
  });

  test.each(['EIO', 'EMFILE', 'EACCES'])('a read that fails with %s is unavailable, never missing', async (code) => {
    const disk = diskWith({});
    const { store } = openStore({ disk });
    const { ref } = await store.put(keyAt(), bytes('x'));
    disk.open = failsWith(code);
    for (const call of [store.size(ref), store.head(ref, 1), store.verify(ref), textOf(store, ref)])
      expect(await codeOf(call)).toBe('unavailable');
    disk.open = realDisk.open;
    disk.read = failsWith(code);
    for (const call of [store.head(ref, 1), store.verify(ref), textOf(store, ref)]) expect(await codeOf(call)).toBe('unavailable');
  });

  test('a large read that fails in the middle ends the stream with an error, not early', async () => {
    const disk = diskWith({ readLater: async (fd, into, at) => (at > 300_000 ? 0 : realDisk.readLater(fd, into, at)) });
    const { store } = openStore({ disk });
    const { ref } = await store.put(keyAt(), [Buffer.alloc(900_000)]);
    expect(await codeOf(textOf(store, ref))).toBe('unavailable');
    expect(await codeOf(store.verify(ref))).toBe('unavailable');
  });

  test('every descriptor is closed again, whatever failed', async () => {
    let open = 0;
    const untilNoneIsOpen = async () => {
      for (let tries = 0; open > 0; tries += 1) {
        if (tries > 1_000) throw new Error(`${open} are open`);
        await setImmediate();
      }
    };
    const counting: Partial<Disk> = {
      create: (file, mode) => (open++, realDisk.create(file, mode)),
      createLater: async (file, mode) => {
        const fd = await realDisk.createLater(file, mode);
        open += 1;
        return fd;
      },
      open: (file) => {
        const fd = realDisk.open(file);
        open += 1;
        return fd;
      },
      openFolder: (file) => {
        const fd = realDisk.openFolder(file);
        open += 1;
        return fd;
      },
      close: (fd) => {
        open -= 1;
        realDisk.close(fd);
      },
    };
    const disk = diskWith(counting);
    const { store } = openStore({ disk });
    const { ref } = await store.put(keyAt(), [Buffer.alloc(900_000)]);
    for (const broken of [{}, { readLater: rejectsWith('EIO') }, { size: failsWith('EIO') }]) {
      Object.assign(disk, realDisk, counting, broken);
      await codeOf(textOf(store, ref));
      await codeOf(store.verify(ref));
      await codeOf(store.size(ref));
      await codeOf(store.read(ref).take(1).toArray());
      const left = store.read(ref).on('error', () => {});
      left.read();
      left.destroy(); // with a read under way
      await new Promise((resolve) => left.on('close', resolve));
    }
    for (const broken of [
      { flushData: rejectsWith('EIO') },
      { write: failsWith('ENOSPC') },
      { link: failsWith('EIO') },
      { flush: rejectsWith('EIO') },
    ]) {
      Object.assign(disk, realDisk, counting, broken);
      await codeOf(store.put(keyAt(), bytes('x')));
      await codeOf(store.probe());
    }
    await untilNoneIsOpen();
  });

  test('a probe says what the matter is', async () => {
    const { store, directory } = openStore({ disk: diskWith({ flushData: rejectsWith('EIO') }) });
    await expect(store.probe()).rejects.toMatchObject({ code: 'unavailable', message: 'probing the store: EIO' });
    expect(everyFile(directory)).toEqual([]);
  });
});

describe('sweeping', () => {
  const limit = march + day;

  const many = (count: number, make: (i: number) => Promise<unknown>) => Promise.all(Array.from({ length: count }, (_, i) => make(i)));

  /** A body of an old minute that was written then. */
  async function oldBody(store: ContentStore, at: number): Promise<string> {
    const { ref } = await store.put(keyAt(at), bytes('x'));
    setTime(store.filePath(ref) ?? '', at);
    return ref;
  }

  test('whole minutes and hours go with their bodies; one that is not over yet stays', async () => {
    const { store, directory } = openStore();
    await oldBody(store, limit - day);
    await oldBody(store, limit - 60_000);
    const young = await oldBody(store, limit - 1_000);
    expect(await store.sweep(limit)).toBe(2);
    expect(everyFile(directory)).toEqual([`2026-03-02T09/41/${young}`]);
    expect(fs.readdirSync(directory).sort()).toEqual(['2026-03-02T09', 'held', 'tmp']);
  });

  test('a call does its share and the next goes on, until all had their turn', async () => {
    const { store, directory } = openStore({ sweepFiles: 64 });
    // Bodies that may not go yet stand first, and must not keep the others from theirs.
    await many(130, () => store.put(keyAt(march), bytes('x')));
    await many(130, () => oldBody(store, march + 60_000));
    let removed = 0;
    for (let calls = 1; calls <= 12 && removed < 130; calls += 1) removed += await store.sweep(limit);
    expect(removed).toBe(130);
    expect(everyFile(directory)).toHaveLength(130);
  });

  test('a body of a swept minute can be put again, by a store that still knows its folder', async () => {
    const { store } = openStore();
    await oldBody(store, march);
    expect(await store.sweep(limit)).toBe(1);
    const { ref } = await store.put(keyAt(march), bytes('late'));
    expect(await textOf(store, ref)).toBe('late');
  });

  test('strange names in the store are left alone', async () => {
    const { store, directory } = openStore();
    fs.mkdirSync(`${directory}/lost+found`);
    fs.mkdirSync(`${directory}/2026-03-01T09/notes`, { recursive: true });
    fs.writeFileSync(`${directory}/lost+found/x`, '');
    fs.writeFileSync(`${directory}/2026-03-01T09/notes/x`, '');
    await store.sweep(limit);
    expect(everyFile(directory)).toEqual(['2026-03-01T09/notes/x', 'lost+found/x']);
  });

  test('a disk that fails is said, and the next call begins anew', async () => {
    const disk = diskWith({ unlink: failsWith('EIO') });
    const { store } = openStore({ disk });
    const put = openStore({ directory: path.dirname(path.dirname(path.dirname(store.filePath(`${idAt(march)}.internet`) ?? ''))) }).store;
    await oldBody(put, march);
    expect(await codeOf(store.sweep(limit))).toBe('unavailable');
    disk.unlink = realDisk.unlink;
    expect(await store.sweep(limit)).toBe(1);
  });

  test('several sweepers at once remove each body once', async () => {
    const { store, directory } = openStore();
    const other = openStore({ directory }).store;
    await many(300, (i) => oldBody(store, march + i));
    const counts = await Promise.all([store.sweep(limit), store.sweep(limit), other.sweep(limit), other.sweep(limit)]);
    expect(everyFile(directory)).toEqual([]);
    expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(300);
  });
});

describe('pins', () => {
  test.each(['EXDEV', 'EMLINK'])('where a link fails with %s the pin is a copy', async (code) => {
    const disk = diskWith({});
    const { store, directory } = openStore({ disk });
    const { ref } = await store.put(keyAt(), [Buffer.alloc(600_000, 'p')]);
    const file = store.filePath(ref) ?? '';
    disk.link = (from, to) => {
      if (from === file) throw diskError(code);
      realDisk.link(from, to);
    };
    await store.hold(ref);
    expect(fs.readFileSync(`${directory}/held/${ref}`).equals(fs.readFileSync(file))).toBe(true);
    expect(fs.statSync(`${directory}/held/${ref}`)).toMatchObject({ nlink: 1, size: 600_000 });
    expect(fs.readdirSync(`${directory}/held`)).toEqual([ref]);
  });

  test('a pin that did not get to the disk is no pin', async () => {
    const disk = diskWith({});
    const { store } = openStore({ disk });
    const { ref } = await store.put(keyAt(), bytes('x'));
    disk.flush = rejectsWith('EIO');
    expect(await codeOf(store.hold(ref))).toBe('unavailable');
    disk.flush = realDisk.flush;
    await store.hold(ref);
  });
});

import { afterAll, describe, expect, test } from '@jest/globals';
import { realDisk } from '@mailrail/content-store';
import fs from 'node:fs';
import { copy, mailboxStoreSuite } from './mailbox-store-suite.ts';
import { diskError, openMaildirs, root } from './maildir-fixture.ts';

afterAll(() => fs.rmSync(root, { recursive: true }));

mailboxStoreSuite('Maildir by hard link', () => openMaildirs());
mailboxStoreSuite('Maildir by copy, from a store without files', () => openMaildirs({ contentInMemory: true }));

const ada = 'ada@corp.example';
const ben = 'ben@corp.example';
const inode = (file: string) => fs.statSync(file).ino;

describe('one stored copy', () => {
  test('all mailboxes share the content store’s file, read-only, under a name made of the delivery and the host', async () => {
    const { store, keep, content, folderOf } = openMaildirs();
    const form = await keep('hello');
    await store.deliver(form, [copy(ada), copy(ben)]);
    const file = content.filePath(form.ref) ?? '';
    for (const mailbox of [ada, ben]) expect(inode(`${folderOf(mailbox)}/new/1700000000.a.mx.corp.example`)).toBe(inode(file));
    expect(fs.statSync(file)).toMatchObject({ nlink: 3 });
    expect(fs.statSync(file).mode & 0o777).toBe(0o440);
    expect(fs.readdirSync(folderOf(ada)).sort()).toEqual(['cur', 'new', 'tmp']);
    expect(fs.readdirSync(`${folderOf(ada)}/tmp`)).toEqual([]);
  });

  test.each(['EXDEV', 'EMLINK'])('%s: one new copy, and the rest is linked from it', async (code) => {
    const { store, keep, content, disk, directory, folderOf, another } = openMaildirs();
    const form = await keep('hello');
    const file = content.filePath(form.ref) ?? '';
    let links = 0;
    disk.link = (from, to) => {
      links += from === file ? 1 : 0;
      if (from === file && (code === 'EXDEV' || links > 2)) throw diskError(code);
      realDisk.link(from, to);
    };
    const all = Array.from({ length: 10 }, (_, i) => copy(`u${i}@corp.example`));
    expect((await store.deliver(form, all)).map(({ kind }) => kind)).toEqual(all.map(() => 'delivered'));
    const inodes = all.map(({ mailbox }) => inode(`${folderOf(mailbox)}/new/1700000000.a.mx.corp.example`));
    expect(new Set(inodes).size).toBe(code === 'EXDEV' ? 1 : 2);
    expect(inodes.filter((one) => one === inode(file))).toHaveLength(code === 'EXDEV' ? 0 : 2);

    // The next chunk of the same group, here and in another process.
    const more = Array.from({ length: 5 }, (_, i) => copy(`v${i}@corp.example`));
    await store.deliver(form, more);
    expect(fs.readdirSync(`${directory}/.copies`)).toHaveLength(1);
    const third = Array.from({ length: 5 }, (_, i) => copy(`w${i}@corp.example`));
    expect((await another().deliver(form, third)).map(({ kind }) => kind)).toEqual(third.map(() => 'delivered'));
    expect(fs.statSync(`${folderOf('u9@corp.example')}/new/1700000000.a.mx.corp.example`).mode & 0o777).toBe(0o440);
  });

  test('a copy that has no link left is replaced by another, for all who find it spent at once', async () => {
    const { store, keep, disk, content, folderOf } = openMaildirs();
    const form = await keep('hello');
    const links = new Map<number, number>();
    disk.link = (from, to) => {
      const of = inode(from);
      const count = (links.get(of) ?? 0) + 1;
      if (from === content.filePath(form.ref) || count > 7) throw diskError('EMLINK');
      links.set(of, count);
      realDisk.link(from, to);
    };
    const calls = Array.from({ length: 4 }, (_, k) => Array.from({ length: 5 }, (_unused, i) => copy(`u${k}-${i}@corp.example`)));
    const outcomes = await Promise.all(calls.map((copies) => store.deliver(form, copies)));
    expect(outcomes.flat().filter(({ kind }) => kind === 'delivered')).toHaveLength(20);
    const inodes = calls.flat().map(({ mailbox }) => inode(`${folderOf(mailbox)}/new/1700000000.a.mx.corp.example`));
    expect(new Set(inodes).size).toBe(3);
  });

  test('a mailbox on a device of its own gets its own copy through its tmp', async () => {
    const { store, keep, disk, folderOf, directory } = openMaildirs();
    const form = await keep('hello');
    disk.link = (from, to) => {
      if (to.includes('/ben@') && !from.includes('/ben@')) throw diskError('EXDEV');
      realDisk.link(from, to);
    };
    const outcomes = await store.deliver(form, [copy(ada), copy(ben), copy('chloe@corp.example')]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['delivered', 'delivered', 'delivered']);
    const file = `${folderOf(ben)}/new/1700000000.a.mx.corp.example`;
    expect([fs.readFileSync(file, 'utf8'), fs.statSync(file).nlink]).toEqual(['hello', 1]);
    expect(fs.readdirSync(`${folderOf(ben)}/tmp`)).toEqual([]);
    expect(await store.deliver(form, [copy(ben)])).toEqual([{ kind: 'present' }]);
    expect(fs.readdirSync(`${folderOf(ben)}/tmp`)).toEqual([]);
    expect(fs.readdirSync(`${directory}/.copies`)).toHaveLength(1);
  });

  test('copies are kept for a number of mails only, and mailboxes keep theirs', async () => {
    const { store, keep, directory, in: list } = openMaildirs({ contentInMemory: true });
    for (let i = 0; i < 300; i += 1) await store.deliver(await keep(`text ${i}`), [copy(ada, `${i}.x`)]);
    expect(fs.readdirSync(`${directory}/.copies`)).toHaveLength(256);
    expect(list(ada)).toHaveLength(300);
    expect(list(ada)).toContain('0.x: text 0');
  });

  test('what a crash left among the copies goes when it is a day old', async () => {
    const { store, keep, directory } = openMaildirs({ contentInMemory: true });
    fs.mkdirSync(`${directory}/.copies`);
    for (const [name, ageMs] of [
      ['old', 86_500_000],
      ['young', 1_000],
    ] as const) {
      fs.writeFileSync(`${directory}/.copies/${name}`, 'x');
      fs.utimesSync(`${directory}/.copies/${name}`, (Date.now() - ageMs) / 1_000, (Date.now() - ageMs) / 1_000);
    }
    await store.deliver(await keep('x'), [copy(ada)]);
    const left = fs.readdirSync(`${directory}/.copies`);
    expect([left.includes('old'), left.includes('young'), left.length]).toEqual([false, true, 2]);
  });

  test('a copy somebody has taken away is made again', async () => {
    const { store, keep, directory } = openMaildirs({ contentInMemory: true });
    const form = await keep('x');
    await store.deliver(form, [copy(ada)]);
    for (const name of fs.readdirSync(`${directory}/.copies`)) fs.unlinkSync(`${directory}/.copies/${name}`);
    expect(await store.deliver(form, [copy(ben)])).toEqual([{ kind: 'delivered' }]);
  });

  test('content of another size than the mail says is not delivered', async () => {
    const { store, keep, in: list } = openMaildirs({ contentInMemory: true });
    const { ref } = await keep('hello');
    expect(await store.deliver({ ref, sizeBytes: 6 }, [copy(ada)])).toEqual([
      { kind: 'transient', reason: 'content has another size than recorded' },
    ]);
    expect(list(ada)).toEqual([]);
  });

  test('two processes make the same name for one delivery', async () => {
    const { store, keep, another } = openMaildirs();
    const form = await keep('x');
    await store.deliver(form, [copy(ada)]);
    expect(await another().deliver(form, [copy(ada)])).toEqual([{ kind: 'present' }]);
  });
});

describe('durability', () => {
  test('first every link, then the folders, and a mailbox’s own folders once', async () => {
    const { keep, disk, another } = openMaildirs();
    const steps: string[] = [];
    const paths = new Map<number, string>();
    disk.link = (from, to) => {
      realDisk.link(from, to);
      steps.push('link');
    };
    disk.openFolder = (folder) => {
      const fd = realDisk.openFolder(folder);
      paths.set(fd, folder.replace(/^.*\/mailboxes/, 'mailboxes'));
      return fd;
    };
    disk.flush = async (fd) => {
      await realDisk.flush(fd);
      steps.push(`flushed ${paths.get(fd)}`);
    };
    const store = another();
    await store.deliver(await keep('x'), [copy(ada), copy(ben)]);
    expect(steps.slice(0, 2)).toEqual(['link', 'link']);
    expect(steps.slice(2).sort()).toEqual([
      'flushed mailboxes',
      'flushed mailboxes/ada@corp.example',
      'flushed mailboxes/ada@corp.example/Maildir',
      'flushed mailboxes/ada@corp.example/Maildir/new',
      'flushed mailboxes/ben@corp.example',
      'flushed mailboxes/ben@corp.example/Maildir',
      'flushed mailboxes/ben@corp.example/Maildir/new',
    ]);
    steps.length = 0;
    await store.deliver(await keep('y'), [copy(ada, '2.b')]);
    expect(steps).toEqual(['link', 'flushed mailboxes/ada@corp.example/Maildir/new']);
  });

  test('a copy that is there already is flushed before it counts', async () => {
    const { store, keep, disk, another } = openMaildirs();
    const form = await keep('x');
    await store.deliver(form, [copy(ada)]);
    disk.flush = () => Promise.reject(diskError('EIO'));
    const other = another();
    expect(await other.deliver(form, [copy(ada)])).toEqual([{ kind: 'transient', reason: 'mailbox folder: EIO' }]);
    disk.flush = (fd) => realDisk.flush(fd);
    expect(await other.deliver(form, [copy(ada)])).toEqual([{ kind: 'present' }]);
  });

  test('deliveries to one mailbox at the same time share its flushes', async () => {
    const { store, keep, disk } = openMaildirs();
    await store.deliver(await keep('x'), [copy(ada)]);
    let flushes = 0;
    disk.flush = (fd) => {
      flushes += 1;
      return realDisk.flush(fd);
    };
    const forms = await Promise.all(Array.from({ length: 50 }, (_, i) => keep(`text ${i}`)));
    flushes = 0;
    await Promise.all(forms.map((form, i) => store.deliver(form, [copy(ada, `${i}.x`)])));
    expect(flushes).toBeLessThan(5);
  });
});

describe('a disk that fails', () => {
  test.each(['ENOSPC', 'EDQUOT', 'EACCES', 'EROFS', 'EIO', 'EMFILE'])('%s at one mailbox is that mailbox’s', async (code) => {
    const { store, keep, disk } = openMaildirs();
    disk.link = (from, to) => {
      if (to.includes('/ben@')) throw diskError(code);
      realDisk.link(from, to);
    };
    const outcomes = await store.deliver(await keep('x'), [copy(ada), copy(ben), copy('chloe@corp.example')]);
    expect(outcomes).toEqual([{ kind: 'delivered' }, { kind: 'transient', reason: `mailbox folder: ${code}` }, { kind: 'delivered' }]);
  });

  test('a folder that cannot be made, and one that cannot be flushed', async () => {
    const { store, keep, disk } = openMaildirs();
    const paths = new Map<number, string>();
    disk.makeFolder = (folder, mode) => {
      if (folder.includes('ada@')) throw diskError('ENOSPC');
      realDisk.makeFolder(folder, mode);
    };
    disk.openFolder = (folder) => {
      const fd = realDisk.openFolder(folder);
      paths.set(fd, folder);
      return fd;
    };
    disk.flush = (fd) => (paths.get(fd)?.includes('ben@') === true ? Promise.reject(diskError('EIO')) : realDisk.flush(fd));
    const form = await keep('x');
    const all = [copy(ada), copy(ben), copy('chloe@corp.example')];
    expect(await store.deliver(form, all)).toEqual([
      { kind: 'transient', reason: 'mailbox folder: ENOSPC' },
      { kind: 'transient', reason: 'mailbox folder: EIO' },
      { kind: 'delivered' },
    ]);
    Object.assign(disk, realDisk);
    expect((await store.deliver(form, all)).map(({ kind }) => kind)).toEqual(['delivered', 'present', 'present']);
  });

  test('a copy that cannot be written leaves no half of it', async () => {
    const { store, keep, disk, directory, in: list } = openMaildirs({ contentInMemory: true });
    const form = await keep('x');
    for (const broken of [
      { writeLater: () => Promise.reject(diskError('ENOSPC')) },
      { flushData: () => Promise.reject(diskError('ENOSPC')) },
      {
        create: () => {
          throw diskError('ENOSPC');
        },
      },
    ]) {
      Object.assign(disk, realDisk, broken);
      expect(await store.deliver(form, [copy(ada), copy(ben)])).toEqual([
        { kind: 'transient', reason: 'mailbox folder: ENOSPC' },
        { kind: 'transient', reason: 'mailbox folder: ENOSPC' },
      ]);
      expect(fs.readdirSync(`${directory}/.copies`)).toEqual([]);
    }
    Object.assign(disk, realDisk);
    expect(await store.deliver(form, [copy(ada)])).toEqual([{ kind: 'delivered' }]);
    expect(list(ada)).toEqual(['1700000000.a: x']);
  });

  test('a mailbox that somebody removed is made again', async () => {
    const { store, keep, directory, in: list } = openMaildirs();
    await store.deliver(await keep('x'), [copy(ada, '1.x')]);
    fs.rmSync(`${directory}/ada@corp.example`, { recursive: true });
    expect(await store.deliver(await keep('y'), [copy(ada, '2.y')])).toEqual([{ kind: 'delivered' }]);
    expect(list(ada)).toEqual(['2.y: y']);
  });

  test('a content store that does not answer is no missing content', async () => {
    const { keep, content, another } = openMaildirs({ contentInMemory: true });
    const form = await keep('x');
    Object.assign(content, { outage: 'disk on fire' });
    expect(await another().deliver(form, [copy(ada)])).toEqual([{ kind: 'transient', reason: 'content store: disk on fire' }]);
  });

  test('no descriptor stays open', async () => {
    const { store, keep, disk } = openMaildirs({ contentInMemory: true });
    const open = new Set<number>();
    const opened = (fd: number) => {
      open.add(fd);
      return fd;
    };
    disk.create = (file, mode) => opened(realDisk.create(file, mode));
    disk.openFolder = (folder) => opened(realDisk.openFolder(folder));
    disk.close = (fd) => {
      open.delete(fd);
      realDisk.close(fd);
    };
    await store.deliver(await keep('x'), [copy(ada), copy(ben)]);
    disk.flushData = () => Promise.reject(diskError('EIO'));
    await store.deliver(await keep('y'), [copy(ada, '2.y')]);
    await expect(store.probe()).rejects.toMatchObject({ code: 'EIO' });
    disk.flush = () => Promise.reject(diskError('EIO'));
    await store.deliver(await keep('z'), [copy(ada, '3.z')]);
    expect(open.size).toBe(0);
  });
});

test('a delivery without a proper name is a mistake of the caller', async () => {
  const { store, keep } = openMaildirs();
  for (const name of ['', '../x', '.x', 'a/b', 'a:2,S', 'x'.repeat(65)])
    await expect(store.deliver(await keep('x'), [copy(ada, name)])).rejects.toThrow(TypeError);
});

test('so is a host that is no name', () => {
  for (const hostname of ['', 'a/b', 'a:b', 'x'.repeat(181)]) expect(() => openMaildirs({ hostname })).toThrow(RangeError);
});

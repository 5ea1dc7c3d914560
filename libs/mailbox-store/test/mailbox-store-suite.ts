import { describe, expect, test } from '@jest/globals';
import type { MailboxCopy, MailboxStore, StoredForm } from '../src/index.ts';

/** A store to try, with content to deliver and the powers of an owner and of a bad day. */
export interface OpenMailboxes {
  readonly store: MailboxStore;
  readonly keep: (text: string) => Promise<StoredForm>;
  readonly lose: (content: StoredForm) => void;
  /** Copies in a mailbox: `name: text`, or `name (seen): text`, sorted. */
  readonly in: (mailbox: string) => string[];
  readonly see: (mailbox: string, name: string) => void;
  readonly breakMailbox: (mailbox: string) => void;
  readonly mend: (mailbox: string) => void;
}

export const copy = (mailbox: string, name = '1700000000.a'): MailboxCopy => ({ mailbox, name });
const ada = 'ada@corp.example';
const ben = 'ben@corp.example';

/** What every mailbox store does. @param unsayable mailboxes that the protocol to this one has no words for: they fail alone, for good. */
export function mailboxStoreSuite(name: string, open: () => OpenMailboxes, unsayable: readonly string[] = []): void {
  describe(`mailbox store: ${name}`, () => {
    test('a mail is in each mailbox, once', async () => {
      const mailboxes = open();
      const content = await mailboxes.keep('hello');
      expect(await mailboxes.store.deliver(content, [copy(ada), copy(ben)])).toEqual([{ kind: 'delivered' }, { kind: 'delivered' }]);
      expect([mailboxes.in(ada), mailboxes.in(ben)]).toEqual([['1700000000.a: hello'], ['1700000000.a: hello']]);
    });

    test('nothing to deliver is nothing', async () => {
      const mailboxes = open();
      expect(await mailboxes.store.deliver(await mailboxes.keep('x'), [])).toEqual([]);
    });

    test('a repeat finds the copy, and what is new beside it is delivered', async () => {
      const mailboxes = open();
      const content = await mailboxes.keep('hello');
      await mailboxes.store.deliver(content, [copy(ada)]);
      expect(await mailboxes.store.deliver(content, [copy(ada), copy(ben)])).toEqual([{ kind: 'present' }, { kind: 'delivered' }]);
      expect(mailboxes.in(ada)).toEqual(['1700000000.a: hello']);
    });

    test('two mails are two copies', async () => {
      const mailboxes = open();
      await mailboxes.store.deliver(await mailboxes.keep('one'), [copy(ada, '1.a')]);
      await mailboxes.store.deliver(await mailboxes.keep('two'), [copy(ada, '2.b')]);
      expect(mailboxes.in(ada)).toEqual(['1.a: one', '2.b: two']);
    });

    test('the same mailbox twice in one call gets one copy', async () => {
      const mailboxes = open();
      expect(await mailboxes.store.deliver(await mailboxes.keep('x'), [copy(ada), copy(ada)])).toEqual([
        { kind: 'delivered' },
        { kind: 'present' },
      ]);
    });

    test('at the same time, too: exactly one of many is delivered', async () => {
      const mailboxes = open();
      const content = await mailboxes.keep('x');
      const outcomes = await Promise.all(Array.from({ length: 10 }, () => mailboxes.store.deliver(content, [copy(ada)])));
      expect(outcomes.flat().filter(({ kind }) => kind === 'delivered')).toHaveLength(1);
      expect(outcomes.flat().filter(({ kind }) => kind === 'present')).toHaveLength(9);
      expect(mailboxes.in(ada)).toEqual(['1700000000.a: x']);
    });

    test('a copy that was seen meanwhile is found by who says that he repeats', async () => {
      const mailboxes = open();
      const content = await mailboxes.keep('x');
      await mailboxes.store.deliver(content, [copy(ada)]);
      mailboxes.see(ada, '1700000000.a');
      expect(await mailboxes.store.deliver(content, [copy(ada), copy(ben)], { repeat: true })).toEqual([
        { kind: 'present' },
        { kind: 'delivered' },
      ]);
      expect(mailboxes.in(ada)).toEqual(['1700000000.a (seen): x']);
    });

    test('one bad mailbox fails alone, and is well again later', async () => {
      const mailboxes = open();
      const content = await mailboxes.keep('x');
      mailboxes.breakMailbox(ben);
      const outcomes = await mailboxes.store.deliver(content, [copy(ada), copy(ben), copy('chloe@corp.example')]);
      expect(outcomes).toEqual([{ kind: 'delivered' }, { kind: 'transient', reason: expect.any(String) }, { kind: 'delivered' }]);
      mailboxes.mend(ben);
      expect(await mailboxes.store.deliver(content, [copy(ben)])).toEqual([{ kind: 'delivered' }]);
      expect(mailboxes.in(ben)).toEqual(['1700000000.a: x']);
    });

    test('content that is not there fails for all', async () => {
      const mailboxes = open();
      const content = await mailboxes.keep('x');
      mailboxes.lose(content);
      const outcomes = await mailboxes.store.deliver(content, [copy(ada), copy(ben)]);
      expect(outcomes).toEqual([
        { kind: 'transient', reason: 'content missing' },
        { kind: 'transient', reason: 'content missing' },
      ]);
      expect([mailboxes.in(ada), mailboxes.in(ben)]).toEqual([[], []]);
    });

    test('a mailbox without an address is nobody', async () => {
      const mailboxes = open();
      const outcomes = await mailboxes.store.deliver(await mailboxes.keep('x'), [copy(''), copy(ada)]);
      expect(outcomes).toEqual([{ kind: 'permanent', status: '5.1.3', reason: 'a mailbox without an address' }, { kind: 'delivered' }]);
    });

    test.each([
      '../../etc/passwd',
      '.',
      '..',
      '/',
      'a/b@corp.example',
      'a\0b',
      `${'x'.repeat(300)}@corp.example`,
      'jörg@corp.example',
      '.copies',
    ])('%j is a mailbox like any other', async (mailbox) => {
      const mailboxes = open();
      const outcomes = await mailboxes.store.deliver(await mailboxes.keep('x'), [copy(mailbox), copy(ada)]);
      if (unsayable.includes(mailbox)) {
        expect(outcomes).toEqual([{ kind: 'permanent', status: '5.1.3', reason: expect.any(String) }, { kind: 'delivered' }]);
      } else {
        expect(outcomes).toEqual([{ kind: 'delivered' }, { kind: 'delivered' }]);
        expect(mailboxes.in(mailbox)).toEqual(['1700000000.a: x']);
      }
      expect(mailboxes.in(ada)).toEqual(['1700000000.a: x']);
    });

    test('many mailboxes in one call', async () => {
      const mailboxes = open();
      const all = Array.from({ length: 300 }, (_, i) => copy(`u${i}@corp.example`));
      const outcomes = await mailboxes.store.deliver(await mailboxes.keep('x'), all);
      expect(outcomes.filter(({ kind }) => kind === 'delivered')).toHaveLength(300);
      expect(mailboxes.in('u299@corp.example')).toEqual(['1700000000.a: x']);
    });

    test('probes', async () => {
      await open().store.probe();
    });
  });
}

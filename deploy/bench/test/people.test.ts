import { expect, test } from '@jest/globals';
import { benchPeople, directoryOf } from '../src/people.ts';

const entries = directoryOf(benchPeople)
  .split('\n\n')
  .map((entry) => entry.trimEnd().split('\n'))
  .filter(([first]) => first?.startsWith('dn: '));
const values = (entry: readonly string[], name: string) =>
  entry.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));

test('everybody has a mailbox, once', () => {
  const mailboxes = entries.filter((entry) => values(entry, 'homeMDB').length === 1).flatMap((entry) => values(entry, 'mail'));
  expect(mailboxes.toSorted()).toEqual([...benchPeople.users, ...(benchPeople.group?.members ?? []), 'postmaster@corp.example'].toSorted());
  expect(benchPeople.users).toHaveLength(50);
});

test('the group names its thousand members by entries that are there', () => {
  const dns = new Set(entries.flatMap((entry) => values(entry, 'dn')));
  const group = entries.find((entry) => values(entry, 'mail').includes('bench1k@corp.example')) ?? [];
  const members = values(group, 'member');
  expect(new Set(members).size).toBe(1_000);
  expect(members.filter((dn) => !dns.has(dn))).toEqual([]);
  expect(dns.size).toBe(entries.length);
});

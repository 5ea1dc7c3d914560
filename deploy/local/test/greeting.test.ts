import { expect, test } from '@jest/globals';
import { organizationOf } from '@mailrail/organization';
import { greeting } from '../src/greeting.ts';
import { knowsSamplePeople } from '../src/tour/samples.ts';

const endpoints = () => ({
  ready: true,
  site: 'london',
  smtp: 'smtp://127.0.0.1:2525',
  submission: { url: 'smtp://127.0.0.1:2587', user: 'mailrail', password: 'secret' },
  http: 'http://127.0.0.1:8025',
  siteListener: 'smtp://127.0.0.1:2528',
  apiKey: 'key',
  in: '/data/in',
  maildir: '/data/mailboxes/%a/Maildir',
  sink: 'smtp://127.0.0.1:2526',
  amqp: 'amqp://guest:guest@127.0.0.1:5672/',
  redis: 'redis://127.0.0.1:6379',
  pids: {},
  infrastructure: {},
  admin: {},
});

test.each([
  ['corp.example', 'team@corp.example', 'mailbox ada@corp.example'],
  ['acme.example', 'postmaster@acme.example', 'mailbox postmaster@acme.example'],
])('the lines to try under %s name people who are there', (domain, to, mailbox) => {
  const organization = organizationOf({ domains: [{ name: domain, type: 'authoritative' }], postmaster: `postmaster@${domain}` }).current();
  const text = greeting({ endpoints, organization }, '/data', knowsSamplePeople(organization.settings));
  expect(text).toContain(`--to ${to}`);
  expect(text).toContain(mailbox);
  if (domain !== 'corp.example') expect(text).not.toContain('corp.example');
});

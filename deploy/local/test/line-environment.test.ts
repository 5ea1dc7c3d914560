import { expect, test } from '@jest/globals';
import { stageEnvironment } from '../src/line-environment.ts';

const all = {
  REDIS_URL: 'redis://',
  LDAP_PASSWORD: 'x',
  LDAP_BASE: 'dc=x',
  DIRECTORY_URL: 'ldap://reader:x@dc1',
  DIRECTORY_POLL_MS: '100',
};

test.each(['categorizer', 'translator', 'connectors/foreign.gwapi'])('%s has all of it', (stage) => {
  expect(stageEnvironment(stage, all)).toEqual(all);
});

test('a gateway that looks recipients up has it, too', () => {
  expect(stageEnvironment('gateway', all, { recipientCheck: true })).toEqual(all);
  expect(stageEnvironment('router', all, { recipientCheck: true })).toEqual({ REDIS_URL: 'redis://' });
});

test.each(['gateway', 'router', 'store-driver.deliver', 'connectors/smtp.categorizer', 'sink'])(
  '%s has nothing of the directory',
  (stage) => {
    expect(stageEnvironment(stage, all)).toEqual({ REDIS_URL: 'redis://' });
  },
);

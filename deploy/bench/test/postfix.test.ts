import { expect, test } from '@jest/globals';
import { benchPeople } from '../src/people.ts';
import { mainCf, masterCf, tables } from '../src/postfix/configuration.ts';
import { libraryPackages } from '@mailrail/testing';

const tree = {
  root: '/t',
  commands: '/t/usr/sbin',
  daemons: '/t/usr/lib/postfix/sbin',
  meta: '/t/etc/postfix',
  libraries: '/t/usr/lib/postfix:/t/usr/lib/x',
};

test('main.cf: everything in its own place, mail for our people into Maildirs, the rest to the sink', () => {
  const text = mainCf({
    dir: '/d',
    tree,
    port: 12_525,
    tls: { port: 12_527, cert: '/c.crt', key: '/c.key' },
    sinkPort: 12_526,
    people: benchPeople,
  });
  const settings = Object.fromEntries(
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' = ')),
  );
  expect(settings).toMatchObject({
    queue_directory: '/d/spool',
    data_directory: '/d/data',
    daemon_directory: '/t/usr/lib/postfix/sbin',
    relayhost: '[127.0.0.1]:12526',
    virtual_mailbox_domains: 'corp.example',
    virtual_mailbox_base: '/d/mail',
  });
  expect(settings['import_environment']).toContain('LD_LIBRARY_PATH=/t/usr/lib/postfix:/t/usr/lib/x');
  expect([settings['smtpd_tls_cert_file'], settings['smtpd_tls_key_file']]).toEqual(['/c.crt', '/c.key']);
  expect(text).not.toMatch(/= \/(etc|var|usr)\//);
});

test('master.cf: our port, no chroot, options kept with their service, no foreign programs', () => {
  const distributed = [
    '# comment',
    'smtp      inet  n       -       y       -       -       smtpd',
    'qmgr      unix  n       -       n       300     1       qmgr',
    '',
    'smtp      unix  -       -       y       -       -       smtp',
    'relay     unix  -       -       y       -       -       smtp',
    '        -o syslog_name=postfix/$service_name',
    'maildrop  unix  -       n       n       -       -       pipe',
    '  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}',
    'uucp      unix  -       n       n       -       -       pipe',
  ].join('\n');
  expect(masterCf(distributed, 12_525, 12_527).split('\n')).toEqual([
    '127.0.0.1:12525 inet n - n - - smtpd',
    '127.0.0.1:12527 inet n - n - - smtpd -o smtpd_tls_security_level=may',
    'qmgr unix n - n 300 1 qmgr',
    'smtp unix - - n - - smtp',
    'relay unix - - n - - smtp',
    '  -o syslog_name=postfix/$service_name',
    '',
  ]);
});

test('tables: a mailbox for everybody once, a group that is its members', () => {
  const people = {
    users: ['ada@a.example', 'ben@a.example'],
    relayed: [],
    group: { address: 'all@a.example', members: ['ben@a.example', 'cy@b.example'] },
  };
  expect(tables(people)).toEqual({
    mailboxes: 'ada@a.example ada@a.example/\nben@a.example ben@a.example/\ncy@b.example cy@b.example/\n',
    aliases: 'all@a.example ben@a.example, cy@b.example\n',
  });
});

test('libraries of a package', () => {
  expect(
    libraryPackages('libc6 (>= 2.34), libdb5.3, libssl3 (>= 3.0.0), debconf (>= 0.5) | debconf-2.0, libnsl2 (>= 1.0) | libnsl1\n'),
  ).toEqual(['libdb5.3', 'libssl3', 'libnsl2']);
});

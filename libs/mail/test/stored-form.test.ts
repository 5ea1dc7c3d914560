import { expect, test } from '@jest/globals';
import { firstLines } from '../src/stored-form.ts';

const at = Date.UTC(2026, 10, 2, 10, 0, 0);
const rootId = '0192f0c1-0000-7000-8000-000000000001';
const common = { sender: 'SMTP:ada@corp.example', by: 'ex1.corp.example', rootId, at };
const text = (more: Partial<Parameters<typeof firstLines>[0]>) =>
  firstLines({ ...common, from: { helo: 'client.example', address: '192.0.2.1', with: 'ESMTP' }, ...more }).bytes.toString();

test('one recipient is named', () => {
  expect(text({ onlyRecipient: 'SMTP:ben@corp.example' })).toBe(
    'Return-Path: <ada@corp.example>\r\n' +
      'Received: from client.example ([192.0.2.1])\r\n' +
      '\tby ex1.corp.example\r\n' +
      `\twith ESMTP id ${rootId}\r\n` +
      '\tfor <ben@corp.example>;\r\n' +
      '\tMon, 02 Nov 2026 10:00:00 +0000\r\n',
  );
});

test('several are not', () => {
  expect(text({})).not.toContain('for <');
});

test('the null sender, IPv6, TLS', () => {
  const form = text({
    sender: null,
    from: { helo: '[IPv6:2001:db8::1]', address: '2001:db8::1', with: 'ESMTPS', tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384' },
  });
  expect(form).toContain('Return-Path: <>\r\n');
  expect(form).toContain('from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n');
  expect(form).toContain(`with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384) id ${rootId}`);
});

test('a folder has no client', () => {
  const form = text({ from: { with: 'pickup', comment: 'folder pickup, file a.eml' } });
  expect(form).toContain('Received: (folder pickup, file a.eml)\r\n\tby ex1.corp.example\r\n\twith pickup id ');
});

test('relayOffset is the length of the Return-Path line in bytes', () => {
  const { bytes, relayOffset } = firstLines({ ...common, sender: 'SMTP:bé@corp.example', from: { with: 'UTF8SMTP' } });
  expect(bytes.subarray(0, relayOffset).toString()).toBe('Return-Path: <bé@corp.example>\r\n');
  expect(bytes.subarray(relayOffset).toString()).toMatch(/^Received: /);
});

test.each(['evil\r\nBcc: x', 'a) by fake.example (b', 'a; Mon, 1 Jan 2001 00:00:00 +0000', 'a\u2028b\0', '"a" <x>', 'é'.repeat(3_000)])(
  'a HELO of %j stays one word',
  (helo) => {
    const form = text({ from: { helo, address: '192.0.2.1', with: 'ESMTP' } });
    const lines = form.split('\r\n');
    expect(lines).toHaveLength(6);
    expect(lines[1]).toMatch(/^Received: from [!-~]{1,200} \(\[192\.0\.2\.1\]\)$/);
    expect(lines[1]).not.toMatch(/[;"<>]/);
    expect(lines[1]?.match(/[()]/g)).toHaveLength(2);
  },
);

test('a sender of another kind is a quoted local part, which no domain can be taken for', () => {
  expect(text({ sender: 'X400:c=us;a= ;p=Corp;s=Lovelace' })).toContain('Return-Path: <"X400:c=us;a= ;p=Corp;s=Lovelace">\r\n');
});

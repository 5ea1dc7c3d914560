import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { memoryContentStore } from '@mailrail/content-store';
import { memoryLedger } from '@mailrail/ledger';
import { organizationOf } from '@mailrail/organization';
import { createMetrics, type Log, silentLog } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import { openAcceptor } from '../src/accept.ts';
import { followCertificate, readCertificate } from '../src/certificate.ts';
import { type Certificate, openSmtpListener, type SmtpListener } from '../src/smtp-listener.ts';
import { fakeLine } from './fake-line.ts';

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name);
const fingerprint = (name: string) => new X509Certificate(readFileSync(fixture(name))).fingerprint256;

let folder: string;
let events: string[];
let closing: (() => unknown)[];
const log: Log = { ...silentLog, info: (event) => void events.push(event), error: (event) => void events.push(event) };
const put = (name: string, as: string) => copyFileSync(fixture(name), join(folder, as));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailrail-certificate-'));
  events = [];
  closing = [];
});
afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  rmSync(folder, { recursive: true });
});

/** A listener inside TLS that follows the files of the folder. */
async function open(): Promise<SmtpListener> {
  put('server.crt', 'tls.crt');
  put('server.key', 'tls.key');
  const read = () => readCertificate({ TLS_CERT: join(folder, 'tls.crt'), TLS_KEY: join(folder, 'tls.key'), SITE_CA: undefined });
  const shown = (await read()) as Certificate; // both files are named
  const metrics = createMetrics('gateway');
  const organization = organizationOf({});
  const acceptor = openAcceptor({ contents: memoryContentStore(), line: fakeLine(), organization, ledger: memoryLedger(), log, metrics });
  const listener = await openSmtpListener({
    kind: 'mx',
    host: '127.0.0.1',
    port: 0,
    acceptor,
    organization,
    log,
    metrics,
    tls: shown,
    implicitTls: true,
  });
  closing.push(() => listener.close());
  closing.push(followCertificate({ read, shown, renew: (next) => listener.renew(next), log, everyMs: 10 }));
  return listener;
}

function shownBy({ port }: SmtpListener): Promise<string> {
  return new Promise((resolve, fail) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', fail);
  });
}

test('a renewed certificate is shown without a restart, and never half of one', async () => {
  const listener = await open();
  expect(await shownBy(listener)).toBe(fingerprint('server.crt'));

  put('peer.key', 'tls.key'); // the other file is still the old one
  await waitFor(() => events.includes('gateway.certificate-not-renewed'), { what: 'the pair that does not fit is told' });
  expect(await shownBy(listener)).toBe(fingerprint('server.crt'));

  put('peer.crt', 'tls.crt');
  await waitFor(() => events.includes('gateway.certificate-renewed'), { what: 'the new pair is taken' });
  expect(await shownBy(listener)).toBe(fingerprint('peer.crt'));
});

test('files that are gone change nothing', async () => {
  const listener = await open();
  rmSync(join(folder, 'tls.crt'));
  await waitFor(() => events.includes('gateway.certificate-not-renewed'), { what: 'it is told' });
  expect(await shownBy(listener)).toBe(fingerprint('server.crt'));
});

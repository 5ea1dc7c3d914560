import { readFileSync } from 'node:fs';
import { newRootId } from '@mailrail/mail';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import type { Acceptor } from '../src/accept.ts';
import { openFolderGateway } from '../src/folder/folder-gateway.ts';
import { organization } from './fake-acceptor.ts';

// A folder gateway that counts: it says at which rate it took so many files, from the first one on, and how much memory that took.
const [folder = '', most = '0'] = process.argv.slice(2);
let taken = 0;
let firstAt = 0;
const acceptor: Pick<Acceptor, 'begin' | 'obstacle'> = {
  obstacle: () => undefined,
  begin: (request) => ({
    ok: true,
    rootId: request.rootId ?? newRootId(),
    write: () => undefined,
    finish() {
      taken += 1;
      if (taken === 1) firstAt = performance.now();
      if (taken === Number(most)) {
        const rate = (taken / (performance.now() - firstAt)) * 1_000;
        process.stdout.write(JSON.stringify({ rate, memoryMb: memoryMb() }), () => process.exit(0));
      }
      return Promise.resolve({ ok: true, rootId: request.rootId ?? '', recipients: 1, mails: 1, sizeBytes: 1 });
    },
    abort: () => Promise.resolve(),
  }),
};

openFolderGateway({
  folder,
  gateway: { name: 'pickup', mode: 'pickup', trust: 'inside', pollEveryMs: 1_000, quietMs: 2_000, keepDoneMs: 0 },
  acceptor,
  organization: organization(),
  log: silentLog,
  metrics: createMetrics('gateway'),
});

/** The most this process had since it began. The system's `maxRSS` would not do: it begins with what the parent had at the fork. */
function memoryMb(): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1_024;
}

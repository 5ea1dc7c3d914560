import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { newRootId } from '@mailrail/mail';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import type { Acceptor } from '../src/accept.ts';
import { openFolderGateway } from '../src/folder/folder-gateway.ts';
import { organization } from './fake-acceptor.ts';

// A folder gateway that kills its own process when a step is behind it for the n-th time. `durable` lies inside the acceptor:
// the mail is safe, and nobody has heard of it yet.
const [folder = '', acceptedFile = '', crashAt = '', nth = '1', mode = 'pickup'] = process.argv.slice(2);

let left = Number(nth);
function step(name: string): void {
  if (name !== crashAt) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

const accepted = openSync(acceptedFile, 'a');
const acceptor: Pick<Acceptor, 'begin' | 'obstacle'> = {
  obstacle: () => undefined,
  begin(request) {
    const hash = createHash('sha256');
    return {
      ok: true,
      rootId: request.rootId ?? newRootId(),
      write(chunk) {
        hash.update(chunk);
        return undefined;
      },
      finish() {
        const { rootId, recipients, origin } = request;
        const line = { file: origin.peer, rootId, to: recipients.map(({ address }) => address), at: origin.at, sha256: hash.digest('hex') };
        writeSync(accepted, `${JSON.stringify(line)}\n`);
        fsyncSync(accepted);
        step('durable');
        return Promise.resolve({ ok: true, rootId: request.rootId ?? '', recipients: recipients.length, mails: 1, sizeBytes: 1 });
      },
      abort: () => Promise.resolve(),
    };
  },
};

const gateway = openFolderGateway({
  folder,
  gateway: {
    name: 'legacy',
    mode: mode === 'gwapi' ? 'gwapi' : 'pickup',
    trust: mode === 'gwapi' ? 'inside' : 'outside',
    pollEveryMs: 10,
    quietMs: 20,
    keepDoneMs: 0,
  },
  acceptor,
  organization: organization(),
  log: silentLog,
  metrics: createMetrics('gateway'),
  leaseMs: 150,
  concurrency: 4,
  attachmentMs: 60_000,
  step: (name) => step(name),
});
process.once('SIGTERM', () => {
  void gateway.close().then(() => closeSync(accepted));
});

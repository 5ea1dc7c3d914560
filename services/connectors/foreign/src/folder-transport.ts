import { createHash } from 'node:crypto';
import { type ContentStore, ContentStoreError } from '@mailrail/content-store';
import { addressMapper, type Directory, internetAddress, type MappedAddress } from '@mailrail/directory';
import { byteGate, type FileWriter, type OutMessage } from '@mailrail/foreign';
import { type Order, relayedBody, type Sent, type Transport } from '@mailrail/hand-over';
import { oneLine } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import type { Log } from '@mailrail/telemetry';
import { codeOf, type OutFolder } from './out-folder.ts';
import type { SpoolFile } from './spool-file.ts';

export interface FolderTransportDeps {
  gateway: string;
  folder: OutFolder;
  content: Pick<ContentStore, 'head' | 'read'>;
  now: () => { writer: FileWriter; maxWaiting: number; organization: OrganizationSnapshot };
  directory?: Pick<Directory, 'byAddress'> | undefined;
  log: Log;
}

/** Bytes of messages in hand at a time: texts are held whole, attachments are not. */
const mostBytesInHand = 64 * 1_048_576;

/** Somebody must be asked who does not answer: the mail waits, and the folder is not to blame. */
class NotKnownNow extends Error {}

/**
 * Writes mails into a gateway's OUT in the format of its system. The name of a file derives from the mail and its recipients, so that a
 * repeat finds what an earlier run has done.
 */
export function folderTransport(deps: FolderTransportDeps): Transport {
  const { gateway, folder, log } = deps;
  const gate = byteGate(mostBytesInHand);

  async function write(order: Order, stem: string): Promise<Sent> {
    const { writer, maxWaiting, organization } = deps.now();
    const answered = (answer: Extract<Sent, { kind: 'answered' }>['answers'][number]): Sent => ({
      kind: 'answered',
      answers: order.recipients.map(() => answer),
      peer: { mta: gateway, host: gateway, tls: 'none', dsn: writer.carriesWishes, keepsTime: false, reused: false },
      bytes: order.content.sizeBytes,
      recorded: () => folder.forget(stem),
    });
    const reply = `250 2.0.0 written as ${stem}${writer.extension}`;
    const accepted = answered({ kind: 'accepted', code: 250, status: '2.0.0', reply });

    await folder.prepare();
    if (await folder.resume(stem, writer.extension)) return accepted;
    const waiting = await folder.waiting();
    if (waiting >= maxWaiting) {
      return { kind: 'unreachable', reason: `${waiting} files in OUT of ${gateway} that nobody takes`, trouble: true };
    }
    const spools: SpoolFile[] = [];
    const spool = async (): Promise<SpoolFile> => {
      const opened = await folder.spool();
      spools.push(opened);
      return opened;
    };
    try {
      const files = await writer.write(await messageFor(order, stem, writer, organization), spool);
      if (files.kind === 'unwritable') return answered({ kind: 'refused', code: 0, status: files.status, reason: files.reason });
      const fileOf = (wanted: unknown): SpoolFile => {
        const found = spools.find((one) => one === wanted);
        if (found === undefined) throw new Error(`${writer.name} gave a file that is none of its spools`);
        return found;
      };
      const parts = files.parts.map(({ name, spool: part }) => ({ name, spool: fileOf(part) }));
      if (files.notes.length > 0) log.info('foreign.noted', { gateway, rootId: order.site.rootId, notes: files.notes.join('; ') });
      await folder.place(stem, writer.extension, fileOf(files.main), parts);
      return accepted;
    } finally {
      await Promise.all(spools.map((one) => one.discard()));
    }
  }

  async function messageFor(order: Order, stem: string, writer: FileWriter, organization: OrganizationSnapshot): Promise<OutMessage> {
    const { addressType } = writer;
    const mapper = addressMapper({ organization, directory: deps.directory });
    const outward = async (addresses: readonly string[]): Promise<Map<string, MappedAddress>> => {
      const mapped = await mapper.outward(addresses, addressType);
      if (!mapped.ok) throw new NotKnownNow(`directory: ${mapped.reason}`);
      return mapped.value;
    };
    const { sender, recipients, content } = order;
    const named = [...(sender === null ? [] : [sender]), ...recipients.map(({ mailbox }) => mailbox)];
    const known =
      addressType === 'SMTP' ? new Map(named.map((address) => [address, internetAddress(address, organization)])) : await outward(named);
    const written = (address: string): string => known.get(address)?.address ?? address;
    return {
      name: stem,
      sender: sender === null ? null : written(sender),
      recipients: recipients.map(({ mailbox, notify, orcpt }) => ({ address: written(mailbox), notify, orcpt })),
      envid: order.envid,
      ret: order.ret,
      body: content.body,
      smtputf8: content.smtputf8,
      sizeBytes: content.sizeBytes - content.relayOffset,
      acceptedAt: order.acceptedAt ?? 0,
      hostname: organization.hostname,
      postmaster: `SMTP:${organization.settings.postmaster}`,
      open: async function* () {
        const body = await relayedBody(deps.content, content);
        if (body.kind === 'bytes') yield body.bytes;
        else yield* body.open();
      },
      known: async (addresses) => new Map([...(await outward(addresses))].map(([given, { address }]) => [given, address])),
    };
  }

  return {
    async send(order) {
      const leave = await gate.enter(order.content.sizeBytes);
      try {
        return await write(order, stemOf(gateway, order));
      } catch (error) {
        const reason = oneLine(error instanceof Error ? error.message : String(error), 300);
        if (error instanceof NotKnownNow) return { kind: 'unreachable', reason, trouble: false };
        if (error instanceof ContentStoreError)
          return { kind: 'no-content', missing: error.code !== 'unavailable', reason: `message body: ${reason}` };
        // The disk is full, the share is away, a right is missing: nothing is wrong with the mail.
        if (codeOf(error) !== undefined) return { kind: 'unreachable', reason: `OUT of ${gateway}: ${reason}`, trouble: true };
        throw error;
      } finally {
        leave();
      }
    },
  };
}

/** R2: whose effect it is, by root identity, hop and the addresses that one file is for. */
function stemOf(gateway: string, { site, recipients }: Order): string {
  const addresses = recipients.map(({ mailbox }) => mailbox.toLowerCase()).toSorted();
  return createHash('sha256')
    .update(JSON.stringify([site.rootId, site.hop, gateway, addresses]))
    .digest('hex')
    .slice(0, 16);
}

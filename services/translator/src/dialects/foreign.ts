import { isAscii } from 'node:buffer';
import { type ContentStore, ContentStoreError } from '@mailrail/content-store';
import type { ForeignMessage } from '@mailrail/contracts';
import { addressMapper, DirectoryUnavailable, internetAddress } from '@mailrail/directory';
import { byteGate, type FileDialect, fileDialects, type Translated } from '@mailrail/foreign';
import { firstLines, HeaderFilter, headerFacts, smtpMailbox } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import type { Dialect, DialectDeps, Translation } from './dialect.ts';

/** Bytes of foreign messages in hand at a time: each is read whole, and is written out at up to twice its size. */
const mostBytesInHand = 32 * 1_048_576;

/** The dialects of foreign files, each made Internet mail of by its module in `@mailrail/foreign`. */
export function foreignDialects(store: Pick<ContentStore, 'read' | 'put'>): Dialect[] {
  const gate = byteGate(mostBytesInHand);
  return Object.values(fileDialects).map((dialect) => ({
    names: [dialect.name],
    async translate(mail, deps) {
      const leave = await gate.enter(mail.content.sizeBytes);
      try {
        return await translateFile(dialect, store, mail, deps);
      } catch (error) {
        if (error instanceof DirectoryUnavailable) return { kind: 'unavailable', reason: error.message };
        if (!(error instanceof ContentStoreError)) throw error;
        return error.code === 'unavailable'
          ? { kind: 'unavailable', reason: `content store: ${error.message}` }
          : { kind: 'missing', reason: error.message };
      } finally {
        leave();
      }
    },
  }));
}

async function translateFile(
  dialect: FileDialect,
  store: Pick<ContentStore, 'read' | 'put'>,
  mail: ForeignMessage,
  { addresses, organization, directory }: DialectDeps,
): Promise<Translation> {
  const known = new Map<string, string>();
  const mapper = addressMapper({ organization, directory });
  const prepare = async (asked: readonly string[]): Promise<void> => {
    const mapped = await mapper.inward(asked);
    if (!mapped.ok) throw new DirectoryUnavailable(mapped.reason);
    for (const [given, { address }] of mapped.value) known.set(given, address);
  };
  const internet = (address: string): string => known.get(address) ?? internetAddress(address, organization).address;
  const made = await dialect.translate(await readAll(store, mail.content.ref), {
    rootId: mail.rootId,
    at: mail.origin.at,
    hostname: organization.hostname,
    mailbox: (address) => smtpMailbox(internet(address)) ?? address,
    prepare,
  });
  if (made.kind === 'reject') return { kind: 'unreadable', reason: `${made.code}: ${made.reason}` };

  // What answers a sender of another system by Internet mail comes back here, whichever of the three ways made his address.
  if (mail.sender !== null) await prepare([mail.sender]);
  const sender = mail.sender === null ? null : internet(mail.sender);
  // The directory is asked for recipients by the categorizer, and what is encapsulated would only be undone there.
  const recipients = mail.recipients.map((recipient) => {
    const { address, how } = internetAddress(recipient.address, organization);
    return { ...recipient, address: how === 'template' ? address : addresses.map(recipient.address) };
  });
  const only = mail.part === undefined && recipients.length === 1 ? recipients[0]?.address : undefined;
  const first = firstLines({
    sender,
    from: { with: dialect.name, comment: `${mail.origin.gateway} folder, file ${mail.origin.peer ?? ''}` },
    by: organization.hostname,
    rootId: mail.rootId,
    at: mail.origin.at,
    ...(only === undefined ? {} : { onlyRecipient: only }),
  });
  const parts = [first.bytes, ...filtered(made, organization)];
  const stored = await store.put({ rootId: mail.rootId, form: `internet.${dialect.name}` }, parts);
  const head = Buffer.concat(firstOf(parts, organization.settings.limits.headerBytes));
  const header = headerFacts(head);
  return {
    kind: 'message',
    content: {
      ref: stored.ref,
      sizeBytes: stored.sizeBytes,
      sha256: stored.sha256,
      body: parts.every((part) => isAscii(part)) ? '7bit' : '8bit',
      smtputf8: !isAscii(head.subarray(0, header.headerBytes)) || mail.content.smtputf8,
      relayOffset: first.relayOffset,
    },
    sender,
    recipients,
    header,
  };
}

/** In a function of its own, so that the pieces are gone when the whole is worked on. */
async function readAll(store: Pick<ContentStore, 'read'>, ref: string): Promise<Buffer> {
  const bytes: Buffer[] = [];
  for await (const chunk of store.read(ref)) bytes.push(Buffer.from(chunk));
  return Buffer.concat(bytes);
}

/** What a file says in our name is nobody's word (S6). */
function filtered({ parts }: Translated, { hostname, settings }: OrganizationSnapshot): Buffer[] {
  const names = settings.domains.filter(({ type }) => type !== 'relay').map(({ name }) => name);
  const filter = new HeaderFilter(new Set(), new Set([hostname.toLowerCase(), ...names]));
  const kept: Buffer[] = [];
  for (const part of parts) {
    if (filter.ended) kept.push(part);
    else filter.push(part, (bytes) => kept.push(bytes));
  }
  if (!filter.ended) filter.end((bytes) => kept.push(bytes));
  return kept;
}

function firstOf(parts: readonly Buffer[], maxBytes: number): Buffer[] {
  const taken: Buffer[] = [];
  let left = maxBytes;
  for (const part of parts) {
    if (left <= 0) break;
    taken.push(part.subarray(0, left));
    left -= part.length;
  }
  return taken;
}

import {
  bundle,
  byteGate,
  type Entry,
  type EntryRecipient,
  type FileDialect,
  type FileDialectName,
  fileDialects,
  type Reject,
} from '@mailrail/foreign';
import { derivedId, oneLine, smtpAddress, smtpMailbox, timeOfId } from '@mailrail/mail';
import type { OrganizationSnapshot, OrganizationSource } from '@mailrail/organization';
import { replies } from '@mailrail/smtp';
import type { Acceptor, AcceptRequest, ForeignRecipient } from '../accept.ts';
import { recipientOf, relayRefusal } from '../eml/mailbox.ts';
import { MessageRefused } from '../eml/refusal.ts';
import type { BadPart, LeftOut } from './bad.ts';
import { folderMayNot } from './file-envelope.ts';
import { chunksFrom, isUnchanged, type OpenedFile } from './open-file.ts';
import type { Layout } from './layout.ts';
import { readParts } from './read-parts.ts';
import { notTaken, partMissing, stillWritten, type Taken } from './take-file.ts';
import { ageOf, type Claimed } from './work-name.ts';

export interface TakeForeignOptions {
  acceptor: Pick<Acceptor, 'begin'>;
  organization: Pick<OrganizationSource, 'current'>;
  gateway: { name: string; mode: FileDialectName; trust: 'inside' | 'outside' };
  layout: Layout;
  device: () => number;
  /** How long a file that it names is waited for. Default 600,000. */
  attachmentMs?: number;
  step?: ((step: 'begun' | 'written' | 'accepted') => void) | undefined;
}

/**
 * Brings the messages of a claimed file into the line, each as its own mail with the bytes the file has for it; the translator makes
 * Internet mail of them. Identities derive from the claim and the place in the file, so that a repeat makes the same mails.
 *
 * One bad message does not sink the others: it is left out and told, as a bad recipient is.
 */
export async function takeForeign(file: OpenedFile, claimed: Claimed, options: TakeForeignOptions): Promise<Taken> {
  const dialect: FileDialect = fileDialects[options.gateway.mode];
  // How large the files are that it will name is not known yet.
  const leave = await inHand.enter(dialect.hasFilesBeside === true ? mostBytesInHand / 2 : file.status.size);
  try {
    return await takeWhole(file, dialect, claimed, options);
  } finally {
    leave();
  }
}

const mostBytesInHand = 32 * 1_048_576;
/** Of all folders of the process. */
const inHand = byteGate(mostBytesInHand);

async function takeWhole(file: OpenedFile, dialect: FileDialect, claimed: Claimed, options: TakeForeignOptions): Promise<Taken> {
  const snapshot = options.organization.current();
  const { limits } = snapshot.settings;
  if (file.status.size > limits.messageBytes) {
    return bad(new MessageRefused('too-large', `the file has ${file.status.size} bytes, and ${limits.messageBytes} are allowed`));
  }
  const parts = [file.head];
  for await (const chunk of chunksFrom(file, file.head.length)) parts.push(chunk);
  if (!(await isUnchanged(file))) return { kind: 'wait', reason: stillWritten };
  const bytes = Buffer.concat(parts);
  const taken = await takeMessages(bytes, dialect, claimed, options);
  const told = taken.kind === 'bad' ? taken.refusal : taken.kind === 'accepted' ? someLeftOut(taken.leftOut) : undefined;
  const answer = told === undefined ? undefined : dialect.answer?.(bytes, { code: told.code, reason: told.message });
  return answer === undefined || taken.kind === 'wait' ? taken : { ...taken, answer };
}

async function takeMessages(bytes: Buffer, dialect: FileDialect, claimed: Claimed, options: TakeForeignOptions): Promise<Taken> {
  const snapshot = options.organization.current();
  const { limits } = snapshot.settings;
  const read = dialect.read(bytes, limits);
  if (read.kind === 'reject') return bad(refusal(read));
  const beside = await partsOf(read.files ?? [], bytes, claimed, options);
  if (beside.kind !== 'parts') return beside;

  const leftOut: LeftOut[] = [];
  const badParts: BadPart[] = [];
  const sums = { recipients: 0, sizeBytes: 0 };
  for (const [at, entry] of read.entries.entries()) {
    const place = read.entries.length === 1 ? '' : `message ${at + 1}`;
    const fault = entry.kind === 'bad' ? entry.reject : undefined;
    const envelope = entry.kind === 'message' ? allowed(entry, options, snapshot) : undefined;
    leftOut.push(...(envelope?.leftOut ?? []));
    if (entry.kind === 'bad' || envelope === undefined || envelope.recipients.length === 0) {
      if (fault !== undefined) leftOut.push({ recipient: place, field: fault.where ?? '', code: fault.code, reason: fault.reason });
      badParts.push({ ordinal: at + 1, bytes: entry.bytes });
      continue;
    }
    const kept = read.files === undefined ? entry.bytes : bundle(entry.bytes, beside.parts);
    const result = await takeEntry({ ...entry, bytes: kept }, envelope.recipients, at, claimed, options);
    if (result.kind !== 'accepted') return result;
    sums.recipients += result.recipients;
    sums.sizeBytes += result.sizeBytes;
  }
  if (sums.recipients > 0) return { kind: 'accepted', ...sums, leftOut, notes: [...read.notes], badParts, files: beside.files };
  const [first] = leftOut;
  const others = leftOut.length > 1 ? `, and ${leftOut.length - 1} more like it` : '';
  return bad(new MessageRefused(first?.code ?? 'envelope', `${first?.reason ?? 'nobody to send it to'}${others}`, first?.field));
}

/** The files it names, read; or why it is not taken now, or never. */
async function partsOf(
  names: readonly string[],
  bytes: Buffer,
  claimed: Claimed,
  { layout, device, organization, attachmentMs = 600_000 }: TakeForeignOptions,
) {
  if (names.length === 0) return { kind: 'parts' as const, parts: [], files: [] };
  const maxBytes = organization.current().settings.limits.messageBytes - bytes.length;
  try {
    const found = await readParts(names, { layout, device: device(), maxBytes });
    if (found.kind === 'parts') return found;
    if (found.kind === 'changed') return { kind: 'wait' as const, reason: partMissing };
    if (ageOf(claimed, Date.now()) < attachmentMs) return { kind: 'wait' as const, reason: partMissing };
    const name = oneLine(found.name, 100);
    return bad(new MessageRefused('attachment-missing', `it names "${name}", which did not come to ATT_IN in time`, name));
  } catch (error) {
    if (error instanceof MessageRefused) return bad(error);
    throw error;
  }
}

function someLeftOut(leftOut: readonly LeftOut[]): { code: string; message: string } | undefined {
  const [first] = leftOut;
  if (first === undefined) return undefined;
  const others = leftOut.length > 1 ? `, and ${leftOut.length - 1} more` : '';
  return { code: first.code, message: `${first.recipient} ${first.reason}${others}` };
}

async function takeEntry(
  entry: Entry,
  recipients: ForeignRecipient[],
  at: number,
  claimed: Claimed,
  { acceptor, gateway, step }: TakeForeignOptions,
): Promise<Taken> {
  const acceptedAt = timeOfId(claimed.rootId) ?? Date.now();
  const file = oneLine(Buffer.from(claimed.name, 'latin1').toString(), 160);
  const request: AcceptRequest = {
    sender: entry.sender,
    recipients,
    ...(entry.envid === undefined ? {} : { envid: entry.envid }),
    ...(entry.ret === undefined ? {} : { ret: entry.ret }),
    smtputf8: true,
    origin: {
      gateway: gateway.name,
      dialect: gateway.mode,
      peer: file,
      ...(entry.helo === undefined ? {} : { helo: entry.helo }),
      at: acceptedAt,
      authenticated: gateway.trust === 'inside',
      trust: gateway.trust,
    },
    received: { with: gateway.mode },
    client: `folder:${gateway.name}`,
    rootId: at === 0 ? claimed.rootId : derivedId(claimed.rootId, `message:${at + 1}`),
    foreign: true,
  };
  const begun = acceptor.begin(request);
  step?.('begun');
  if (!begun.ok) return notTaken(begun);
  await begun.write(entry.bytes);
  step?.('written');
  const result = await begun.finish();
  if (!result.ok) return notTaken(result);
  step?.('accepted');
  return { kind: 'accepted', recipients: result.recipients, sizeBytes: result.sizeBytes, leftOut: [], notes: [] };
}

/** Single bad recipients never hold back the good ones. */
function allowed(
  entry: Entry,
  { gateway }: TakeForeignOptions,
  snapshot: OrganizationSnapshot,
): { recipients: ForeignRecipient[]; leftOut: LeftOut[] } {
  const leftOut = entry.unreadable.map(({ text, where, reason }): LeftOut => ({ recipient: text, field: where, code: 'envelope', reason }));
  const recipients: ForeignRecipient[] = [];
  for (const given of entry.recipients) {
    const recipient = asOurs(given, snapshot.settings.postmaster);
    // From outside only what is ours: an address of another system could lead to a connector.
    const isOurs = smtpMailbox(recipient.address) !== undefined || gateway.trust === 'inside';
    const who = gateway.trust === 'inside' ? 'inside-folder' : 'outside';
    const refusal = isOurs ? relayRefusal(recipient, who, (name) => snapshot.domain(name)) : replies.relayDenied;
    if (refusal === undefined) recipients.push(recipient);
    else leftOut.push({ recipient: oneLine(given.address, 100), field: given.where, code: 'auth', reason: folderMayNot(refusal) });
  }
  return { recipients, leftOut };
}

function asOurs({ address, notify, orcpt }: EntryRecipient, postmaster: string): ForeignRecipient {
  const mailbox = smtpMailbox(address);
  const ours = mailbox === undefined ? { address } : recipientOf({ mailbox, address: smtpAddress(mailbox) }, postmaster);
  return { ...ours, ...(notify === undefined ? {} : { notify }), ...(orcpt === undefined ? {} : { orcpt }) };
}

function refusal({ code, reason, where }: Reject): MessageRefused {
  return new MessageRefused(code, reason, where);
}

function bad(refused: MessageRefused): Taken {
  return { kind: 'bad', refusal: refused };
}

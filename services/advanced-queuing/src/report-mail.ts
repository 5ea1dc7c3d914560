import type { ContentStore, Stored } from '@mailrail/content-store';
import type { DeliveryReport, OutboundMail } from '@mailrail/contracts';
import { buildReport, derivedId, headerFacts, newCopyId, type Report, recipientId, returnPathField } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import { storedHead, storeFailure } from './stored-head.ts';
import type { PlannedReport } from './tell-plan.ts';

export interface ReportMailDeps {
  content: Pick<ContentStore, 'head' | 'read' | 'put' | 'writer'>;
  organization: OrganizationSnapshot;
  now: number; // milliseconds since the epoch
  /** Largest original that is returned whole, when asked for and when not. */
  fullBytes: number;
  unaskedBytes: number;
}

export type ReportMail = { kind: 'mail'; mail: OutboundMail } | { kind: 'unavailable'; reason: string };

const returnPath = Buffer.from(returnPathField(null));
/** So much of an original is read at once; a smaller one is enclosed from memory. One byte more than a report shows of a header. */
const headBytes = 65_537;

/** Makes one report: its content in the store, its envelope as new mail with the null sender (E3). An original that is gone is left out. */
export async function reportMail(about: DeliveryReport, planned: PlannedReport, deps: ReportMailDeps): Promise<ReportMail> {
  const { content } = about;
  const head = await storedHead(deps.content, content.ref, content.relayOffset + headBytes);
  if (head.kind === 'unavailable') return { kind: 'unavailable', reason: head.reason };
  const original = head.kind === 'bytes' ? head.bytes.subarray(content.relayOffset) : undefined;
  const sizeBytes = content.sizeBytes - content.relayOffset;
  // RFC 8689 §5: what was to travel in safety does not come back whole by a way nobody knows.
  const limit = about.ret === 'hdrs' || about.requireTls === true ? -1 : about.ret === 'full' ? deps.fullBytes : deps.unaskedBytes;
  // RFC 3461 §4.3: RET is about failures; of any other outcome the header is enough.
  let whole = planned.action === 'failed' && sizeBytes <= limit;

  for (;;) {
    const report = build(about, planned, deps, original === undefined ? undefined : { head: original, whole });
    try {
      const stored = await store(about, planned, report, original, deps);
      return { kind: 'mail', mail: envelopeOf(about, planned, report, stored, deps) };
    } catch (error) {
      const failure = storeFailure(error);
      // The original went away while it was being copied: its header, already read, must do.
      if (failure.kind === 'missing' && report.enclosesWhole) whole = false;
      else if (failure.kind === 'unavailable') return { kind: 'unavailable', reason: failure.reason };
      else throw error;
    }
  }
}

function build(
  about: DeliveryReport,
  planned: PlannedReport,
  { organization }: ReportMailDeps,
  original: { head: Buffer; whole: boolean } | undefined,
): Report {
  return buildReport({
    id: planned.rootId,
    at: happenedAt(about),
    hostname: organization.hostname,
    postmaster: organization.settings.postmaster,
    to: planned.to,
    action: planned.action,
    recipients: planned.about.map(({ recipient, status, reason, remote }) => ({
      address: recipient.original,
      orcpt: recipient.orcpt,
      status,
      reason,
      remote,
    })),
    envid: about.envid,
    arrivedAt: about.origin.at,
    retryUntil: about.expiresAt,
    original: original === undefined ? undefined : { ...original, body: about.content.body, smtputf8: about.content.smtputf8 },
  });
}

/** Puts the report's bytes; a large original streams through, so that memory stays flat. @throws ContentStoreError */
async function store(
  about: DeliveryReport,
  planned: PlannedReport,
  report: Report,
  original: Buffer | undefined,
  { content }: ReportMailDeps,
): Promise<Stored> {
  const key = { rootId: planned.rootId, form: 'report' };
  if (!report.enclosesWhole) return content.put(key, [returnPath, report.head, report.tail]);
  if (original !== undefined && original.length < headBytes) return content.put(key, [returnPath, report.head, original, report.tail]);

  const writer = content.writer(key);
  try {
    await writer.write(returnPath);
    await writer.write(report.head);
    for await (const chunk of content.read(about.content.ref, { start: about.content.relayOffset })) await writer.write(chunk);
    await writer.write(report.tail);
    return await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

function envelopeOf(
  about: DeliveryReport,
  planned: PlannedReport,
  report: Report,
  stored: Stored,
  { organization, now }: ReportMailDeps,
): OutboundMail {
  const { rootId, to } = planned;
  return {
    rootId,
    mailId: derivedId(rootId, 'report'),
    copyId: newCopyId(),
    parentId: about.mailId,
    hop: 0,
    content: {
      ref: stored.ref,
      sizeBytes: stored.sizeBytes,
      sha256: stored.sha256,
      body: report.body,
      smtputf8: report.smtputf8,
      relayOffset: returnPath.length,
    },
    sender: null,
    recipients: [{ id: recipientId(rootId, to), address: to, original: to, notify: 'never' }],
    origin: { gateway: 'aq', dialect: 'report', at: happenedAt(about), authenticated: true, trust: 'inside' },
    lane: about.priority === undefined ? 'normal' : about.lane,
    ...(about.priority === undefined ? {} : { priority: about.priority }), // as urgent as what it is about (RFC 6710 §5)
    ...(about.requireTls === true ? { requireTls: true } : {}),
    attempt: 1,
    expiresAt: now + organization.settings.schedule.expireAfter,
    delayReported: true, // a report leads to no report
    expandedVia: [],
    trace: { parent: about.trace.parent, hops: [] },
    organizationVersion: organization.version,
    header: headerFacts(Buffer.concat([returnPath, report.head.subarray(0, 8_192)])),
    renderedAt: now,
  };
}

/** When the outcome was known: the same for every repeat of this work, as R5 wants it of a generated date. */
function happenedAt(about: DeliveryReport): number {
  return about.trace.hops.at(-1)?.at ?? about.origin.at;
}

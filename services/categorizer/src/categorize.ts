import { type ContentStore, ContentStoreError } from '@mailrail/content-store';
import { type AcceptedMail, type Content, type Envelope, type HookResult, type Hooks, noHooks } from '@mailrail/contracts';
import { type BrokenGroup, type Directory, type Membership, resolveRecipients } from '@mailrail/directory';
import type { Ledger } from '@mailrail/ledger';
import type { OrganizationSnapshot } from '@mailrail/organization';
import {
  type Counted,
  decidedBy,
  done,
  type Emit,
  type Outcome,
  permanent,
  poison,
  type Stage,
  toStation,
  transient,
} from '@mailrail/pipeline';
import { asksForReceipts, changedContent, type ContentChange, formsFor } from './content-forms.ts';
import { type Bifurcation, bifurcate, type Copy, type FormOf } from './copies.ts';
import { resolvingOf } from './recipients.ts';

export interface CategorizeDeps {
  directory: Directory;
  membership: Membership;
  organization: OrganizationSnapshot;
  ledger: Pick<Ledger, 'claim' | 'countOnce'>;
  content: Pick<ContentStore, 'read' | 'writer'>;
  hooks: Hooks;
  now: number; // milliseconds since the epoch
  /** Counts where a duplicate may have come about (R4). */
  possibleDuplicate: (cause: string) => void;
}

/** Attempts at a body that is not there (a replica behind); about an hour on the internal ladder. */
const maxMissingAttempts = 8;

/**
 * Finds out who is meant: the sender, each recipient, the members of groups; then one mail for each way they must be handled.
 * One recipient's fate holds no other back; only a directory that does not answer holds all, and for a while.
 */
export const categorize: Stage<AcceptedMail, CategorizeDeps> = async (mail, deps) => {
  const { directory, membership, organization, hooks } = deps;
  let addresses: readonly string[] | undefined;
  if (hooks !== noHooks) {
    const given: readonly string[] = mail.recipients.map(({ address }) => address);
    const result = await hooks.run('resolve', mail, given);
    const decided = decidedBy(result);
    if (decided !== undefined) return decided;
    if (result.kind === 'replace' && result.value.length === given.length) addresses = result.value;
  }

  const { authenticated, trust, dialect } = mail.origin;
  const resolution = await resolveRecipients(
    {
      sender: mail.sender,
      recipients: resolvingOf(mail, addresses),
      sizeBytes: mail.content.sizeBytes,
      trusted: authenticated || trust === 'inside',
      // The dialect is ours to give: an empty reverse-path from elsewhere is anonymous like any other (S7).
      report: mail.sender === null && dialect === 'report',
      expandedVia: mail.expandedVia,
    },
    { directory, membership, organization },
  );
  switch (resolution.kind) {
    case 'unavailable':
      return transient(`directory: ${resolution.reason}`, { ladder: 'internal' });
    case 'refused':
      return permanent(resolution.reason, resolution.status);
    case 'resolved':
      break;
    default:
      return resolution satisfies never;
  }

  if (hooks !== noHooks) {
    for (const { address } of resolution.groups) {
      const decided = decidedBy(await hooks.run('expand', mail, { group: address }));
      if (decided !== undefined) return decided;
    }
  }
  const broken = resolution.broken.length === 0 ? resolution.broken : await notYetTold(mail, resolution.broken, deps);
  let split: Bifurcation;
  let mine: Copy[];
  try {
    const formOf = resolution.hops.some(({ form }) => form !== undefined)
      ? await formsFor(resolution.hops, mail.content, deps.content)
      : asItCame;
    split = bifurcate(mail, { ...resolution, broken }, { now: deps.now, organization, formOf });
    mine = await withoutOthers(mail, split.copies, deps);
    await giveForms(mail, mine, deps.content);
  } catch (error) {
    return contentFailure(error, mail.attempt);
  }

  const emits: Emit[] = [];
  for (const { station, mail: copy } of mine) {
    const result: HookResult<Envelope> = hooks === noHooks ? { kind: 'continue' } : await hooks.run<Envelope>('categorized', copy, copy);
    const decided = decidedBy(result);
    if (decided !== undefined) return decided;
    emits.push(toStation(station, result.kind === 'replace' ? result.value : copy));
  }
  for (const report of split.reports) emits.push(toStation('aq.reports', report));
  const counted = await count(mail, split, deps);
  return done(emits, {
    counted,
    facts: {
      local: resolution.local.length,
      onward: resolution.hops.length,
      failed: resolution.reports.length,
      groups: split.expanded,
      members: split.members,
      merged: split.merged,
      problems: resolution.problems,
      copies: mine.length,
    },
  });
};

/**
 * Leaves the members of a large group to the copy of this mail that claimed them first (R3). The claim names the attempt: what
 * comes back from the ladder is the only one of its kind, and must not be taken for a second one.
 */
async function withoutOthers(mail: AcceptedMail, copies: readonly Copy[], { ledger, possibleDuplicate }: CategorizeDeps): Promise<Copy[]> {
  const groups = new Set(copies.flatMap((copy) => ('group' in copy ? [copy.group] : [])));
  if (groups.size === 0) return [...copies];
  const others = new Set<string>();
  const attempt = `${mail.attempt}:${mail.waits ?? 0}:${mail.faults ?? 0}`;
  await Promise.all(
    [...groups].map(async (group) => {
      const claimed = await ledger.claim(`expand:${mail.mailId}:${attempt}:${group}`, mail.copyId);
      if (claimed === 'other') others.add(group);
      if (claimed === 'silent') possibleDuplicate('ledger silent');
    }),
  );
  return copies.filter((copy) => !('group' in copy) || !others.has(copy.group));
}

/**
 * Groups that are wrong, of which nobody was told in the last hours: one report, not one for each mail to a busy list. The claim
 * is the mail's, so that its repeats tell the same. A report leads to no report (E3).
 */
async function notYetTold(mail: AcceptedMail, broken: BrokenGroup[], { ledger }: CategorizeDeps): Promise<BrokenGroup[]> {
  if (mail.sender === null) return [];
  const claimed = await Promise.all(broken.map(({ id }) => ledger.claim(`broken-group:${id}`, mail.mailId)));
  return broken.filter((_, at) => claimed[at] !== 'other');
}

const asItCame: FormOf = () => undefined;

/**
 * Copies for mailboxes that name another reverse-path need content that does, too; others need fields against automatic replies, no
 * requests for receipts, or less than all parts. Of what came through a group that is done already.
 */
async function giveForms(mail: AcceptedMail, copies: readonly Copy[], store: CategorizeDeps['content']): Promise<void> {
  const asks = copies.some(({ hides }) => hides) && (await asksForReceipts(mail.content, store));
  const forms = new Map<string, Content>();
  for (const { station, mail: copy, hides } of copies) {
    const isOutside = station === 'aq.post-categorization' || station === 'mta';
    const change: ContentChange = {
      ...(isOutside || copy.sender === mail.sender ? {} : { reversePath: copy.sender }),
      ...('suppressAutoReplies' in copy && copy.suppressAutoReplies === true && mail.suppressAutoReplies !== true ? { isQuiet: true } : {}),
      ...(asks && hides ? { withoutReceipts: true } : {}),
      ...(station === 'aq.post-categorization' && copy.contentForm?.without !== undefined ? { without: copy.contentForm.without } : {}),
    };
    const key = JSON.stringify(change);
    if (key === '{}') continue;
    const form =
      forms.get(key) ?? (await changedContent(mail.content, change, { rootId: mail.rootId, isForm: mail.expandedVia.length > 0, store }));
    forms.set(key, form);
    copy.content = form;
  }
}

function contentFailure(error: unknown, attempt: number): Outcome {
  if (!(error instanceof ContentStoreError)) throw error;
  if (error.code === 'unavailable') return transient(`content store: ${error.message}`, { ladder: 'internal' });
  if (error.code === 'missing' && attempt <= maxMissingAttempts) return transient('content missing', { ladder: 'internal' });
  return poison(`content: ${error.message}`);
}

/** Counts what this mail changed, once for whatever number of times it is worked (E5). */
async function count(mail: AcceptedMail, split: Bifurcation, { ledger }: CategorizeDeps): Promise<Counted[]> {
  const changes = (['expanded', 'members', 'merged'] as const).map((field) => ({ field, by: split[field] })).filter(({ by }) => by > 0);
  if (changes.length > 0) await ledger.countOnce(changes.map((change) => ({ key: `${change.field}:${mail.mailId}`, count: change })));
  const counted: Counted[] = changes.map(({ field, by }) => ({ event: field, recipients: by }));
  return split.copies.length > 1 ? [...counted, { event: 'split', recipients: mail.recipients.length }] : counted;
}

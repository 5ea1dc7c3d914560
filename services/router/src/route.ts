import type { CategorizedMail, Hooks, Recipient, RecipientStatus, RoutedMail } from '@mailrail/contracts';
import { derivedId } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import { decidedBy, done, failureReport, type Stage, toStation } from '@mailrail/pipeline';
import { connectorStation } from '@mailrail/topology';
import { type Choice, chooseConnector } from './choose-connector.ts';

export interface RouteDeps {
  organization: OrganizationSnapshot;
  hooks: Hooks;
}

type Way = Extract<Choice, { kind: 'connector' }>;

/** Routes a mail: recipients that share connector and next hop stay together, the others become mails of their own. */
export const route: Stage<CategorizedMail, RouteDeps> = async (mail, { organization, hooks }) => {
  const decided = decidedBy(await hooks.run('route', mail, undefined));
  if (decided !== undefined) return decided;

  const ways = new Map<string, { way: Way; recipients: Recipient[] }>();
  const failed: RecipientStatus[] = [];
  for (const recipient of mail.recipients) {
    const choice = chooseConnector(
      { address: recipient.address, targetSite: mail.targetSite, targetServer: mail.targetServer, sizeBytes: mail.content.sizeBytes },
      organization.settings,
    );
    if (choice.kind === 'unroutable') {
      failed.push({ recipient, action: 'failed', status: choice.status, reason: choice.reason });
      continue;
    }
    const key = `${choice.connector} ${choice.destination}`;
    const together = ways.get(key);
    if (together === undefined) ways.set(key, { way: choice, recipients: [recipient] });
    else together.recipients.push(recipient);
  }

  const whole = ways.size === 1 && failed.length === 0;
  const emits = [...ways].map(([key, { way, recipients }]) => {
    const routed: RoutedMail = {
      ...mail,
      ...(whole ? {} : { mailId: derivedId(mail.mailId, `router:${key}`), parentId: mail.mailId }),
      recipients,
      connector: way.connector,
      destination: way.destination,
      routedBy: way.routedBy,
      organizationVersion: organization.version,
    };
    return toStation(connectorStation(way.connector), routed);
  });
  if (failed.length > 0) emits.push(toStation('aq.reports', failureReport(mail, failed, 'router')));
  const [only] = ways.values();
  return done(emits, {
    facts: { ways: ways.size, unroutable: failed.length, connector: only?.way.connector, routedBy: only?.way.routedBy },
    counted: ways.size > 1 ? [{ event: 'split', recipients: mail.recipients.length }] : [],
  });
};

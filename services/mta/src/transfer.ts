import type { GatewayMail, Lane, QueuedMail, TransferMail } from '@mailrail/contracts';
import { type Priority, receivedOnArrival } from '@mailrail/mail';
import { type OrganizationSnapshot, waysOut } from '@mailrail/organization';
import { done, type Outcome, permanent, type Stage, toStation, transient } from '@mailrail/pipeline';
import { gatewayStation } from '@mailrail/topology';

export interface TransferDeps {
  organization: OrganizationSnapshot;
  /** Lanes of the MTA's SMTP queue, from the topology. */
  lanes: readonly Lane[];
  now: number; // milliseconds since the epoch
}

/** What gateways put before and into a message they accepted (trace lines, a missing Date): it must not make it too large. */
const ownBytes = 8_192;
/** Attempts at a gateway this pod does not know: its organization file may be behind the one the categorizer decided by. */
const maxAttempts = 4;
const laneOf: Readonly<Record<Priority, Lane>> = { urgent: 'high', normal: 'normal', 'non-urgent': 'low' };

/** Transfer: may the mail pass, when, how urgently, and by which protocol. */
export const transfer: Stage<TransferMail, TransferDeps> = (mail, { organization, lanes, now }) => {
  const { limits } = organization.settings;
  const { receivedCount, priority } = mail.header;
  const arrived = receivedOnArrival(mail.header);
  if (arrived > limits.hops) return permanent(`${arrived} Received fields, the limit is ${limits.hops}`, '5.4.6');
  if (mail.hop > limits.hops) return permanent(`passed ${mail.hop} sites, the limit is ${limits.hops}`, '5.4.6');
  // 5.2.3, not 5.3.4: the limit is the organization's own, not that of a next system (RFC 3463 §3.3, §3.4).
  if (mail.content.sizeBytes > limits.messageBytes + ownBytes) {
    return permanent(`${mail.content.sizeBytes} bytes, the limit is ${limits.messageBytes}`, '5.2.3');
  }
  if (mail.dueAt !== undefined && mail.dueAt > now) {
    return transient('deferred delivery', { delayMs: mail.dueAt - now, countAttempt: false });
  }

  if (mail.gateway !== undefined) return toGateway(mail, mail.gateway, organization);
  const wanted = mail.lane === 'normal' ? laneOf[priority] : mail.lane;
  const lane = lanes.includes(wanted) ? wanted : 'normal';
  const { dueAt: _due, gateway: _none, ...rest } = mail;
  const queued: QueuedMail = { ...rest, lane, protocol: 'smtp' };
  return done([toStation('mta.smtp', queued)], { facts: { lane, received: receivedCount, protocol: queued.protocol } });
};

/** Recipients behind a foreign system: into the queue of its gateway, as the MTA did. */
function toGateway(mail: TransferMail, gateway: string, organization: OrganizationSnapshot): Outcome {
  const isThere = waysOut(organization.settings).some(({ name, kind }) => kind === 'foreign' && name === gateway);
  if (!isThere) {
    const reason = `the organization has no gateway ${gateway} with a way back`;
    return mail.attempt < maxAttempts ? transient(reason, { ladder: 'internal' }) : permanent(reason, '5.3.0');
  }
  const { dueAt: _due, ...rest } = mail;
  const queued: GatewayMail = { ...rest, gateway };
  return done([toStation(gatewayStation(gateway), queued)], { facts: { gateway, protocol: 'file' } });
}

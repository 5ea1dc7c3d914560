import { readSns, type Verdict, verifySns } from '@mailrail/foreign';
import type { Log } from '@mailrail/telemetry';
import type { Webhook } from './access-file.ts';
import { tryLater } from './problem.ts';
import { CertificatesBusy } from './webhook-certificates.ts';

export interface SnsDeps {
  certificate: (url: string) => Promise<string>;
  confirm: (url: string) => Promise<string>;
  log: Pick<Log, 'info' | 'warn'>;
}

/**
 * Whether a request is a message of one of our SNS topics. A subscription of such a topic is confirmed here, once its signature was
 * verified: its address is Amazon's (`readSns` sees to that), and nobody else's topic gets a subscription out of us.
 *
 * @throws HttpProblem 503 when Amazon cannot be reached.
 */
export async function verifyTopic(body: Buffer, hook: Webhook & { kind: 'ses' }, deps: SnsDeps, nowMs: number): Promise<Verdict> {
  const message = readSns(body);
  if (message === undefined || !hook.topics.includes(message.topic)) {
    return { ok: false, code: 'signature', reason: 'this is no message of one of our topics' };
  }
  let certificate: string;
  try {
    certificate = await deps.certificate(message.certificateUrl);
  } catch (error) {
    if (error instanceof CertificatesBusy) throw tryLater(503, 'busy', 'too many certificates are being fetched', 5);
    deps.log.warn('gateway.sns-certificate', { webhook: hook.name, reason: error instanceof Error ? error.message : String(error) });
    throw tryLater(503, 'certificate', 'the certificate of the signature cannot be had', 20);
  }
  const verdict = verifySns(message, certificate, nowMs, hook.window);
  if (!verdict.ok || message.type !== 'SubscriptionConfirmation' || message.subscribeUrl === undefined) return verdict;
  try {
    await deps.confirm(message.subscribeUrl);
  } catch {
    throw tryLater(503, 'subscription', 'the subscription could not be confirmed', 20);
  }
  deps.log.info('gateway.sns-subscribed', { webhook: hook.name, topic: message.topic });
  return verdict;
}

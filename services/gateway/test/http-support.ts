import { memoryContentStore } from '@mailrail/content-store';
import { memoryLedger } from '@mailrail/ledger';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { type HttpApiOptions, httpApi } from '../src/http-api.ts';
import { keyQuotas } from '../src/http/quota.ts';
import { localRates } from '../src/limits/local-rates.ts';
import { rateLimits } from '../src/limits/rate-limits.ts';
import { fakeAcceptor, organization } from './fake-acceptor.ts';

/** What the HTTP API keeps beside mail, in memory. */
export function httpStores(now: () => number = Date.now) {
  const ledger = memoryLedger(now);
  const contents = memoryContentStore();
  const limits = rateLimits({ shared: localRates(now), metrics: createMetrics('gateway'), now });
  return { ledger, contents, idempotency: { ledger, contents, now }, quotas: keyQuotas(limits, 'http') };
}

export const apiKey = 'a-key-of-some-length';

/** The application on fakes, with a clock that stands unless it is turned. */
export function httpApp(more: Partial<HttpApiOptions> = {}) {
  const clock = { at: 1_790_000_000_000 };
  const acceptor = fakeAcceptor();
  const stores = httpStores(() => clock.at);
  const options: HttpApiOptions = {
    gateway: 'http',
    host: '127.0.0.1',
    port: 0,
    apiKey,
    ...stores,
    acceptor,
    organization: organization(),
    log: silentLog,
    metrics: createMetrics('gateway'),
    ...more,
  };
  const app = httpApi(options);
  const request = async (
    method: 'POST' | 'GET',
    url: string,
    headers: Record<string, string | string[] | undefined> = {},
    payload?: string | Buffer,
  ) => {
    const all = Object.entries({
      authorization: `Bearer ${apiKey}`,
      ...(payload === undefined ? {} : { 'content-type': 'message/rfc822' }),
      ...headers,
    });
    const sent = Object.fromEntries(all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
    return app.inject({ method, url, headers: sent, ...(payload === undefined ? {} : { payload }) });
  };
  return { app, acceptor, clock, ...stores, request, post: request.bind(undefined, 'POST') };
}

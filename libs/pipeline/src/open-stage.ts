import { type ContentStore, openContentStore } from '@mailrail/content-store';
import { type Ledger, redisLedger } from '@mailrail/ledger';
import { organizationFile, type OrganizationSource } from '@mailrail/organization';
import { createLog, createMetrics, type Log, type Metrics } from '@mailrail/telemetry';
import { ConfigError, type ServiceConfig } from './config.ts';

/** What every stage works with, opened from its configuration. */
export interface StageBase {
  log: Log;
  metrics: Metrics;
  ledger: Ledger;
  organization: OrganizationSource;
  content: ContentStore;
}

/**
 * Opens log, metrics, ledger, organization and content store of one stage.
 *
 * @throws Error when the organization file does not exist or is not valid, naming every mistake; ConfigError without a content store.
 */
export async function openStage(
  stage: string,
  config: Pick<ServiceConfig, 'REDIS_URL' | 'ORGANIZATION_FILE' | 'LOG_LEVEL'> &
    Partial<Pick<ServiceConfig, 'CONTENT_DIR' | 'CONTENT_URL'>>,
): Promise<StageBase> {
  const place = config.CONTENT_URL ?? config.CONTENT_DIR;
  if (place === undefined)
    throw new ConfigError('configuration: CONTENT_DIR must name the folder of the content store, or CONTENT_URL another one');
  const log = createLog(stage, config.LOG_LEVEL);
  const metrics = createMetrics(stage);
  const organization = organizationFile(config.ORGANIZATION_FILE, {
    onChange: (snapshot) => log.info('organization.changed', { version: snapshot.version }),
    onInvalid: (errors) => log.error('organization.invalid', { errors }),
  });
  const content = await openContentStore(place);
  const ledger = redisLedger({ url: config.REDIS_URL, log, metrics });
  return { log, metrics, ledger, organization, content };
}

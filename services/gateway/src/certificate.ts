import type { Log } from '@mailrail/telemetry';
import type { Config } from './config.ts';
import { readNamed } from './named-file.ts';
import type { Certificate } from './smtp-listener.ts';

/** @returns undefined when none is named. @throws ConfigError naming the variable whose file cannot be read. */
export async function readCertificate({
  TLS_CERT,
  TLS_KEY,
  SITE_CA,
}: Pick<Config, 'TLS_CERT' | 'TLS_KEY' | 'SITE_CA'>): Promise<Certificate | undefined> {
  if (TLS_CERT === undefined || TLS_KEY === undefined) return undefined;
  const [key, cert] = await Promise.all([readNamed('TLS_KEY', TLS_KEY), readNamed('TLS_CERT', TLS_CERT)]);
  return { key, cert, ...(SITE_CA === undefined ? {} : { ca: await readNamed('SITE_CA', SITE_CA) }) };
}

/**
 * Looks at the files of the certificate again and again, since whoever renews it (cert-manager, certbot) tells nobody. Looked at and
 * not watched: volumes of Kubernetes change by a link to another folder, and network file systems tell nothing.
 *
 * @param options `shown` is what the listeners show now; `renew` throws when a pair does not fit: one file was written and the other
 *        not yet, or both are wrong. The old certificate stays then, and the next look tries again.
 * @returns what ends the looking.
 */
export function followCertificate(options: {
  read: () => Promise<Certificate | undefined>;
  shown: Certificate;
  renew: (certificate: Certificate) => void;
  log: Pick<Log, 'info' | 'error'>;
  everyMs?: number;
}): () => void {
  const { read, renew, log, everyMs = 30_000 } = options;
  let { shown } = options;
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    try {
      const found = await read();
      if (found === undefined || (found.key === shown.key && found.cert === shown.cert && found.ca === shown.ca)) return;
      renew(found);
      shown = found;
      log.info('gateway.certificate-renewed');
    } catch (error) {
      log.error('gateway.certificate-not-renewed', { error });
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

import { createPublicKey, KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

export interface CertificateFiles {
  cert: string; // path, PEM
  key: string; // path, PEM, mode 0600
}

const dayMs = 86_400_000;
const validDays = 825; // what clients take at most for a certificate of one's own

/**
 * The certificate this folder's listeners show, for localhost, 127.0.0.1 and ::1; made at the first start, and again when it has
 * less than a month to live or its files do not fit. Nobody has signed it but itself: clients have to be told to trust it.
 */
export async function certificateOf(dir: string, now = Date.now()): Promise<CertificateFiles> {
  const folder = path.join(dir, 'tls');
  const files = { cert: path.join(folder, 'localhost.crt'), key: path.join(folder, 'localhost.key') };
  if (await stillGood(files, now)) return files;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { key, cert } = await selfSigned(now);
  for (const [file, text, mode] of [
    [files.key, key, 0o600],
    [files.cert, cert, 0o644],
  ] as const) {
    await writeFile(`${file}.tmp`, text, { mode });
    await rename(`${file}.tmp`, file);
  }
  return files;
}

async function stillGood({ cert, key }: CertificateFiles, now: number): Promise<boolean> {
  try {
    const certificate = new X509Certificate(await readFile(cert));
    const ours = createPublicKey(await readFile(key)).export({ type: 'spki', format: 'der' });
    const shown = certificate.publicKey.export({ type: 'spki', format: 'der' });
    return ours.equals(shown) && certificate.validToDate.getTime() - now > 30 * dayMs;
  } catch {
    return false; // missing or damaged
  }
}

/**
 * A key on P-256 and an X.509 certificate (RFC 5280) it has signed itself.
 *
 * @param now milliseconds since the epoch; the certificate is valid from a day before.
 * @returns both as PEM.
 */
export async function selfSigned(now: number): Promise<{ key: string; cert: string }> {
  // Only when one is made: a start that has its certificate does not wait for the library, nor for what it asks to be there first.
  await import('reflect-metadata');
  const {
    BasicConstraintsExtension,
    ExtendedKeyUsage,
    ExtendedKeyUsageExtension,
    SubjectAlternativeNameExtension,
    X509CertificateGenerator,
  } = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=localhost',
      keys,
      signingAlgorithm: algorithm,
      notBefore: new Date(now - dayMs),
      notAfter: new Date(now + validDays * dayMs),
      extensions: [
        new SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
          { type: 'ip', value: '::1' },
        ]),
        new BasicConstraintsExtension(true, undefined, true), // its own authority
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      ],
    },
    webcrypto,
  );
  return {
    key: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `${certificate.toString('pem')}\n`,
  };
}

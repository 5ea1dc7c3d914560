import { createPublicKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto';
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
  const { key, cert } = selfSigned(now);
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
 * A key on P-256 and an X.509 certificate (RFC 5280) it has signed itself. Node reads certificates and signs bytes but writes no
 * certificate; the few fields of this one are put together here.
 *
 * @param now milliseconds since the epoch; the certificate is valid from a day before.
 * @returns both as PEM.
 */
export function selfSigned(now: number): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const name = sequence(tlv(tag.set, sequence(oid(0x55, 0x04, 0x03), tlv(tag.utf8, Buffer.from('localhost')))));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive, and always of the same length
  const names = sequence(
    tlv(tag.dnsName, Buffer.from('localhost')),
    tlv(tag.ipAddress, Buffer.from([127, 0, 0, 1])),
    tlv(tag.ipAddress, Buffer.concat([Buffer.alloc(15), Buffer.from([1])])),
  );
  const extensions = sequence(
    extension([0x55, 0x1d, 0x11], false, names), // subjectAltName
    extension([0x55, 0x1d, 0x13], true, sequence(tlv(tag.boolean, Buffer.from([0xff])))), // basicConstraints: its own authority
    extension([0x55, 0x1d, 0x25], false, sequence(oid(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01))), // extKeyUsage: serverAuth
  );
  const toSign = sequence(
    tlv(tag.explicit0, tlv(tag.integer, Buffer.from([2]))), // version 3
    tlv(tag.integer, serial),
    ecdsaWithSha256,
    name,
    sequence(utcTime(now - dayMs), utcTime(now + validDays * dayMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(tag.explicit3, extensions),
  );
  const signature = sign('sha256', toSign, privateKey);
  const der = sequence(toSign, ecdsaWithSha256, tlv(tag.bitString, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  };
}

/** Tags of DER (ITU-T X.690) that a certificate needs. */
const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
  dnsName: 0x82,
  ipAddress: 0x87,
  explicit0: 0xa0,
  explicit3: 0xa3,
} as const;

function tlv(type: number, content: Buffer): Buffer {
  const { length } = content;
  const head = length < 0x80 ? [type, length] : length < 0x100 ? [type, 0x81, length] : [type, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(tag.sequence, Buffer.concat(parts));
}

function oid(...bytes: number[]): Buffer {
  return tlv(tag.oid, Buffer.from(bytes));
}

function extension(id: number[], critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [tlv(tag.boolean, Buffer.from([0xff]))] : [];
  return sequence(oid(...id), ...flag, tlv(tag.octetString, value));
}

/** Good until 2049 (RFC 5280 §4.1.2.5.1). */
function utcTime(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/\D/g, '');
  return tlv(tag.utcTime, Buffer.from(`${digits.slice(2, 14)}Z`));
}

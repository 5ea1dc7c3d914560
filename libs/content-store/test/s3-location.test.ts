import { describe, expect, test } from '@jest/globals';
import { openContentStore, parseS3Location, s3Lifecycle } from '../src/index.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { bytes, idAt } from './content-store-suite.ts';

const defaults = { prefix: '', endpoint: undefined, region: undefined, pathStyle: false, sweep: 'lifecycle' };
test.each([
  ['s3://mail', { ...defaults, bucket: 'mail' }],
  ['s3://mail.corp-1/', { ...defaults, bucket: 'mail.corp-1' }],
  ['s3://mail/lines/london?region=eu-west-2', { ...defaults, bucket: 'mail', prefix: 'lines/london/', region: 'eu-west-2' }],
  [
    's3://mail/x?endpoint=http://minio:9000&sweep=list',
    { bucket: 'mail', prefix: 'x/', endpoint: 'http://minio:9000', region: 'us-east-1', pathStyle: true, sweep: 'list' },
  ],
  [
    's3://mail?endpoint=https%3A%2F%2Fs3.example&pathStyle=false&region=',
    { ...defaults, bucket: 'mail', endpoint: 'https://s3.example', region: 'us-east-1' },
  ],
])('%s', (text, location) => {
  expect(parseS3Location(text)).toEqual(location);
});

describe('what is no place says why', () => {
  test.each([
    ['mail', 's3://bucket/prefix'],
    ['http://mail', 'begins with s3://'],
    ['s3://', 'the bucket has a name'],
    ['s3://Ma_il', 'the bucket has a name'],
    ['s3://mail:9000', 'the bucket has a name'],
    ['s3://key:secret@mail', 'credentials belong into'],
    ['s3://mail/a b', 'the prefix has letters'],
    ['s3://mail/../x//y', 'the prefix has letters'],
    ['s3://mail?endpont=x', 'knows no parameter endpont'],
    ['s3://mail?endpoint=minio:9000', 'the endpoint is http'],
    ['s3://mail?sweep=never', 'sweep is lifecycle or list'],
    ['s3://mail?pathStyle=1', 'pathStyle is true or false'],
  ])('%s', (text, reason) => {
    expect(() => parseS3Location(text)).toThrow(reason);
    expect(() => parseS3Location(text)).not.toThrow('secret');
  });
});

test('a store is opened by its place', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'content-place-'));
  try {
    const key = { rootId: idAt(Date.now()), form: 'internet' };
    const { ref } = await (await openContentStore(folder)).put(key, bytes('x'));
    expect(await (await openContentStore(pathToFileURL(folder).href)).size(ref)).toBe(1);
    const s3 = await openContentStore('s3://mail/x?endpoint=http://127.0.0.1:1');
    expect(s3.filePath(ref)).toBeUndefined();
    await expect(openContentStore('http://host/x')).rejects.toThrow('a folder or s3://bucket');
    await expect(openContentStore('s3://Bad')).rejects.toThrow('the bucket has a name');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the lifecycle rule takes bodies alone, a week after the last moment one may be needed', () => {
  expect(s3Lifecycle({ prefix: 'london/' }, 3)).toEqual({
    Rules: [
      {
        ID: 'mailrail-bodies',
        Status: 'Enabled',
        Filter: { Prefix: 'london/bodies/' },
        Expiration: { Days: 10 },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      },
    ],
  });
  expect(s3Lifecycle({ prefix: '' }, 2.5, 0).Rules[0]?.Expiration).toEqual({ Days: 3 });
  expect(() => s3Lifecycle({ prefix: '' }, 0)).toThrow(RangeError);
});

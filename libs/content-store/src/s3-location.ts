/** Which bucket, where, and how it is spoken to. */
export interface S3Location {
  bucket: string;
  prefix: string; // '' or ending in '/'
  endpoint: string | undefined; // of a server that is not AWS
  region: string | undefined; // undefined: the SDK's own way of finding it (AWS_REGION)
  pathStyle: boolean; // the bucket in the path, not in the host's name
  /** Who removes bodies past their time: the bucket's lifecycle rule, or our sweeper, which lists. */
  sweep: 'lifecycle' | 'list';
}

const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const prefixForm = /^(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,63}\/){0,8}$/;
const known = ['endpoint', 'region', 'pathStyle', 'sweep'];

/**
 * Reads `s3://bucket/prefix?endpoint=http://host:9000&region=eu-west-1&pathStyle=true&sweep=list`; all of it but the bucket may be left
 * out. Credentials are no part of it: the SDK finds them (AWS_ACCESS_KEY_ID and its other ways).
 *
 * @throws TypeError saying what is wrong.
 */
export function parseS3Location(text: string): S3Location {
  if (!URL.canParse(text)) throw new TypeError('an S3 store is s3://bucket/prefix?endpoint=...&region=...');
  const url = new URL(text);
  if (url.protocol !== 's3:') throw new TypeError('an S3 store begins with s3://');
  if (url.username !== '' || url.password !== '')
    throw new TypeError('credentials belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  const bucket = url.hostname;
  if (!bucketName.test(bucket) || url.port !== '') throw new TypeError('the bucket has a name of lower-case letters, digits, - and .');
  const path = url.pathname.replace(/^\/+|\/+$/g, '');
  const prefix = path === '' ? '' : `${path}/`;
  if (!prefixForm.test(prefix)) throw new TypeError('the prefix has letters, digits, ., _ and -, in at most eight parts');
  for (const name of url.searchParams.keys()) {
    if (!known.includes(name)) throw new TypeError(`an S3 store knows no parameter ${name.slice(0, 40)}; it knows ${known.join(', ')}`);
  }
  const given = (name: string) => url.searchParams.get(name) || undefined;
  const endpoint = given('endpoint');
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:\/\//.test(endpoint)))
    throw new TypeError('the endpoint is http://host:port or https://host:port');
  return {
    bucket,
    prefix,
    endpoint,
    region: given('region') ?? (endpoint === undefined ? undefined : 'us-east-1'),
    pathStyle: oneOf('pathStyle', given('pathStyle') ?? (endpoint === undefined ? 'false' : 'true'), ['true', 'false']) === 'true',
    sweep: oneOf('sweep', given('sweep') ?? 'lifecycle', ['lifecycle', 'list']),
  };
}

function oneOf<Word extends string>(name: string, text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found === undefined) throw new TypeError(`${name} is ${words.join(' or ')}`);
  return found;
}

/** Where the songs are in an object store, as an `s3:` URL says it. */
export interface S3Place {
  /** Origin and bucket: addresses are always in path style, which every store takes. */
  readonly address: string;
  readonly region: string;
  /** Empty, or ends in a slash. */
  readonly prefix: string;
}

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*$/;
const REGION = /^[a-z0-9-]{1,64}$/;

/**
 * Takes `s3://bucket/prefix?endpoint=…&region=…` apart.
 *
 * @returns the place, or a sentence that says what is wrong with the URL
 */
export function parseS3Url(text: string): S3Place | string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'not a URL';
  }
  if (url.username !== '' || url.password !== '') return 'keys belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
  if (!BUCKET.test(url.host)) return 'the bucket is 3 to 63 lower-case letters, digits, dots and hyphens';
  const path = url.pathname.replace(/^\//, '').replace(/\/$/, '');
  const prefix = path === '' ? '' : `${path}/`;
  if (!PREFIX.test(prefix)) return 'the prefix is made of letters, digits, ".", "_" and "-", with "/" between';
  const known = new Set(['endpoint', 'region']);
  for (const name of url.searchParams.keys()) {
    if (!known.delete(name)) return `"${name}" is unknown or there twice; endpoint and region can be given`;
  }
  const region = url.searchParams.get('region') ?? 'us-east-1';
  if (!REGION.test(region)) return 'the region is lower-case letters, digits and hyphens';
  const origin = originOf(url.searchParams.get('endpoint') ?? `https://s3.${region}.amazonaws.com`);
  if (origin === null) return 'the endpoint is http:// or https:// with a host, and nothing after it';
  return { address: `${origin}/${url.host}`, region, prefix };
}

function originOf(endpoint: string): string | null {
  try {
    const url = new URL(endpoint);
    const web = url.protocol === 'https:' || url.protocol === 'http:';
    return web && url.href === `${url.origin}/` ? url.origin : null;
  } catch {
    return null;
  }
}

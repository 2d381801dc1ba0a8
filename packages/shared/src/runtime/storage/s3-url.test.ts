import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../config.ts';
import { parseS3Url } from './s3-url.ts';

describe('an s3: STORAGE_URL', () => {
  it.each([
    ['s3://songs', { address: 'https://s3.us-east-1.amazonaws.com/songs', region: 'us-east-1', prefix: '' }],
    ['s3://songs/', { address: 'https://s3.us-east-1.amazonaws.com/songs', region: 'us-east-1', prefix: '' }],
    [
      's3://songs/a/b-c/?region=eu-west-1',
      { address: 'https://s3.eu-west-1.amazonaws.com/songs', region: 'eu-west-1', prefix: 'a/b-c/' },
    ],
    [
      's3://songs/mill?endpoint=http://127.0.0.1:9000/&region=garage',
      { address: 'http://127.0.0.1:9000/songs', region: 'garage', prefix: 'mill/' },
    ],
  ])('%s is a place', (url, place) => {
    expect(parseS3Url(url)).toEqual(place);
  });

  it.each([
    's3:',
    's3://',
    's3://ab',
    's3://Songs_1',
    's3://songs/../x y',
    's3://songs/a//b',
    's3://key:secret@songs',
    's3://songs?endpoint=ftp://x',
    's3://songs?endpoint=http://x/path',
    's3://songs?endpoint=http://key:secret@x',
    's3://songs?region=a&region=b',
    's3://songs?acl=public-read',
  ])('%s is refused with a sentence', (url) => {
    expect(parseS3Url(url)).toEqual(expect.any(String));
  });

  it('needs both keys, and says which is missing', () => {
    const env = { STORAGE_URL: 's3://songs', AWS_ACCESS_KEY_ID: 'k' };
    expect(() => parseConfig(env)).toThrow(ConfigError);
    expect(() => parseConfig(env)).toThrow(/AWS_SECRET_ACCESS_KEY: required/);
    expect(parseConfig({ ...env, AWS_SECRET_ACCESS_KEY: 's' }).STORAGE_URL).toBe('s3://songs');
    expect(() => parseConfig({ STORAGE_URL: 's3://songs?acl=x' })).toThrow(/STORAGE_URL: "acl" is unknown/);
    expect(() => parseConfig({ STORAGE_URL: 'ftp://songs' })).toThrow(/STORAGE_URL: begins with/);
  });
});

import { randomBytes } from 'node:crypto';
import type { AcceptedRequest } from '@songmill/shared/contract/generation-rules';

export interface MultipartBody {
  readonly contentType: string;
  readonly body: Buffer;
}

/**
 * Encodes text fields as `multipart/form-data` with every value byte for byte as given. Node's own
 * FormData rewrites each line feed to CRLF, so every line break of the lyrics would count double.
 *
 * @param fields names are ours: plain ASCII without quotes
 */
export function encodeMultipart(fields: readonly (readonly [name: string, value: string])[]): MultipartBody {
  // 24 random bytes cannot stand in a value by chance.
  const boundary = `songmill-${randomBytes(24).toString('hex')}`;
  const parts = fields.map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.from(`${parts.join('')}--${boundary}--\r\n`, 'utf8'),
  };
}

/**
 * The form fields of one music-01 call. `model` and `lyrics` always go (the published page requires
 * them; working clients send empty lyrics with an instrumental alone); a reference or setting that
 * is absent is left out, because an empty id might be looked up.
 */
export function generationFields(request: AcceptedRequest): [string, string][] {
  const fields: [string, string][] = [
    ['model', request.model],
    ['lyrics', request.lyrics],
  ];
  if (request.refer_voice) fields.push(['refer_voice', request.refer_voice]);
  if (request.refer_instrumental) fields.push(['refer_instrumental', request.refer_instrumental]);
  // The upstream takes objects in a form as JSON text.
  if (Object.keys(request.audio_setting).length > 0) {
    fields.push(['audio_setting', JSON.stringify(request.audio_setting)]);
  }
  return fields;
}

import { randomBytes } from 'node:crypto';
import type { AcceptedRequest } from '@songmill/shared/contract/generation-rules';
import { modelNamed } from '@songmill/shared/contract/models';

export interface EncodedBody {
  readonly contentType: string;
  readonly body: Buffer;
}

/** The body of one paid call, as its model takes it. */
export function encodeGeneration(request: AcceptedRequest): EncodedBody {
  return modelNamed(request.model).encoder === 'json'
    ? encodeJson(request)
    : encodeMultipart(generationFields(request));
}

/**
 * One call of a model from music-1.5 on. What is absent is left out. How the audio comes (hex or an
 * address) is not asked for: 302.AI documents no field for it, so the answer is taken either way.
 */
function encodeJson({ model, prompt, lyrics, audio_setting }: AcceptedRequest): EncodedBody {
  const fields = {
    model,
    ...(prompt === '' ? {} : { prompt }),
    lyrics,
    ...(Object.keys(audio_setting).length > 0 ? { audio_setting } : {}),
  };
  return { contentType: 'application/json', body: Buffer.from(JSON.stringify(fields), 'utf8') };
}

/**
 * Encodes text fields as `multipart/form-data` with every value byte for byte as given. Node's own
 * FormData rewrites each line feed to CRLF, so every line break of the lyrics would count double.
 *
 * @param fields names are ours: plain ASCII without quotes
 */
function encodeMultipart(fields: readonly (readonly [name: string, value: string])[]): EncodedBody {
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
function generationFields(request: AcceptedRequest): [string, string][] {
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

import { generationRequestSchema } from '@songmill/shared/contract/generation';
import { PURPOSES } from '@songmill/shared/contract/reference';
import { z } from 'zod';

const { shape } = generationRequestSchema;
const jsonText = z.string().meta({ description: 'JSON text of the object that the JSON body takes here' });

/** The form of `POST /v1/generations` as openapi.json shows it; it is judged by the rules of the JSON body. */
export const generationFormSchema = z
  .strictObject({
    ...shape,
    audio_setting: jsonText.optional(),
    metadata: jsonText.optional(),
    webhook: jsonText.optional(),
  })
  .meta({ id: 'GenerationForm' });

/** The form of `POST /v1/references` as openapi.json shows it; the file is read as it arrives. */
export const referenceFormSchema = z
  .strictObject({
    purpose: z.enum(PURPOSES),
    file: z.string().meta({ format: 'binary', description: 'wav or mp3, longer than 10 s, at most 10 minutes' }),
  })
  .meta({ id: 'ReferenceForm' });

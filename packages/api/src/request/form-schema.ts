import { generationRequestSchema } from '@songmill/shared/contract/generation';
import { z } from 'zod';

const { shape } = generationRequestSchema;
const jsonText = z.string().meta({ description: 'JSON text of the object that the JSON body takes here' });

/** The form of `POST /v1/generations` as openapi.json shows it; it is judged by the rules of the JSON body. */
export const generationFormSchema = z
  .strictObject({ ...shape, audio_setting: jsonText.optional(), metadata: jsonText.optional() })
  .meta({ id: 'GenerationForm' });

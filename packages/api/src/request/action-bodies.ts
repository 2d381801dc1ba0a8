import { z } from 'zod';

/** Body of actions without options; it may be left out altogether. */
export const emptyBodySchema = z.strictObject({}).meta({ id: 'NoOptions' });

/** Body of `POST /v1/generations/{id}/resolve`: what a human found out, and what follows from it. */
export const resolveBodySchema = z
  .strictObject({
    charged: z.boolean().meta({ description: 'whether the attempts with unknown charge were billed' }),
    action: z.enum(['retry', 'fail']),
  })
  .meta({ id: 'ResolveRequest' });

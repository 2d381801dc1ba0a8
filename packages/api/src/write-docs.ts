import { writeFileSync } from 'node:fs';
import { errorsMarkdown } from './request/errors-page.ts';
import { openapiDocument } from './request/openapi.ts';
import { ROUTES } from './routes.ts';

// Writes what is made from code: docs/openapi.json and docs/errors.md. Tests compare them with the
// code, so run this after every change of routes, schemas or error texts, then format:
//   node --conditions=source packages/api/src/write-docs.ts
const docs = new URL('../../../docs/', import.meta.url);
writeFileSync(new URL('openapi.json', docs), `${JSON.stringify(openapiDocument(ROUTES), null, 2)}\n`);
writeFileSync(new URL('errors.md', docs), errorsMarkdown());

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { ApiContext, Call } from '../context.ts';
import { ProblemError } from '../errors.ts';
import { sendBytes } from './answer.ts';
import { errorsPage } from './errors-page.ts';
import { openapiDocument } from './openapi.ts';

const HTML = 'text/html; charset=utf-8';

/** Everything the page needs comes from here: it works with the network cable out. */
const PAGE_POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data:"],
  ...["connect-src 'self'", "font-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Songmill API</title>
<link rel="icon" type="image/png" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
`;

/** No validator: it would send the document to its makers' server. */
const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#page', validatorUrl: null, deepLinking: true });\n`;

/** Which file of swagger-ui-dist is served as what; nothing else of it is. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

export function getDocsPage(_ctx: ApiContext, call: Call): void {
  sendBytes(call, HTML, Buffer.from(PAGE), { 'Content-Security-Policy': PAGE_POLICY, 'Cache-Control': 'no-cache' });
}

export function getErrorsPage(_ctx: ApiContext, call: Call): void {
  const policy = { 'Content-Security-Policy': PAGE_POLICY, 'Cache-Control': 'no-cache' };
  sendBytes(call, HTML, Buffer.from(errorsPage()), policy);
}

export async function getOpenapi(_ctx: ApiContext, call: Call): Promise<void> {
  // The table names this handler, so it can only be read once both modules are there.
  const { ROUTES } = await import('../routes.ts');
  const text = JSON.stringify(openapiDocument(ROUTES));
  sendBytes(call, 'application/json; charset=utf-8', Buffer.from(text), { 'Cache-Control': 'no-cache' });
}

export async function getDocsAsset(_ctx: ApiContext, call: Call): Promise<void> {
  const file = call.params['file'] ?? '';
  const cached = { 'Cache-Control': 'public, max-age=3600' };
  if (file === 'start.js') {
    sendBytes(call, 'text/javascript; charset=utf-8', Buffer.from(START), cached);
    return;
  }
  const type = Object.hasOwn(ASSETS, file) ? ASSETS[file] : undefined;
  if (type === undefined) throw new ProblemError('not_found', 'no such file');
  const path = createRequire(import.meta.url).resolve(`swagger-ui-dist/${file}`);
  sendBytes(call, type, await readFile(path), cached);
}

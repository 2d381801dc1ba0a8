import { PROBLEM_STATUS, type ProblemCode } from '@songmill/shared/contract/words';
import { WIRE_STATUS, type WireCode } from '../errors.ts';
import { statusOf } from './answer.ts';
import { PROBLEM_TEXTS } from './problem-texts.ts';

/** Every code in the order of its status. */
export function problemCodes(): (ProblemCode | WireCode)[] {
  const codes = [...Object.keys(PROBLEM_STATUS), ...Object.keys(WIRE_STATUS)] as (ProblemCode | WireCode)[];
  return codes.sort((a, b) => statusOf(a) - statusOf(b));
}

/** The page where the `type` of every problem answer leads. */
export function errorsPage(): string {
  const sections = problemCodes().map((code) => {
    const { title, advice } = PROBLEM_TEXTS[code];
    const text = escape(advice).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
    return `<section id="${code}">\n<h2><code>${code}</code> · ${statusOf(code)}</h2>\n<p><b>${escape(title)}.</b> ${text}</p>\n</section>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Songmill: error codes</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}h2{font-size:1rem;margin:1.5rem 0 0}p{margin:0}</style>
</head>
<body>
<h1>Error codes</h1>
${sections.join('\n')}
</body>
</html>
`;
}

/** docs/errors.md; a test compares it with the committed file. */
export function errorsMarkdown(): string {
  const rows = problemCodes().map((code) => {
    const { title, advice } = PROBLEM_TEXTS[code];
    return `| \`${code}\` | ${statusOf(code)} | ${title}. ${advice} |`;
  });
  return `# Error codes

Errors are \`application/problem+json\` (RFC 9457) with \`code\`, \`request_id\` and, for bad input, \`errors\`: every fault found,
each with its place (\`pointer\` into the JSON body, \`field\` of a form, query \`parameter\` or \`header\`), a code and a sentence.
Treat a code you do not know by its HTTP class. Every 429 and 503 carries \`Retry-After\`; no 4xx and no 503 uses an idempotency key up.

This page is made from \`packages/api/src/request/problem-texts.ts\` and is served at \`/docs/errors\`, where the \`type\` of each error leads.

| code | status | what it means and what to do |
|---|---|---|
${rows.join('\n')}

\`bad_request\`, \`request_timeout\`, \`uri_too_long\` and \`headers_too_large\` concern bytes that never became a request of the API.
`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

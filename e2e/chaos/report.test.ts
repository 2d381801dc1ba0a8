import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@songmill/shared/testing/processes';
import { describe, expect, it } from 'vitest';
import { readKept } from './last.ts';
import { reliabilityPage } from './report.ts';

const page = join(ROOT, 'docs', 'reliability.md');

describe('docs/reliability.md', () => {
  it('says what the suite kept of its runs, and nothing else', async () => {
    const kept = await readKept(ROOT);
    expect(existsSync(page)).toBe(Object.keys({ ...kept.runs, ...kept.rows }).length > 0);
    if (existsSync(page)) expect(readFileSync(page, 'utf8')).toBe(reliabilityPage(kept));
  });
});

import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { documents } from '../../scripts/generate-docs.ts';
import { parseWorkflow } from '../../shared/workflow/index.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const FILES = globSync(['README.md', '{docs,examples,shared,functions,local,cli,sdk,infra,bench,test}/**/*.md'], { cwd: ROOT })
  .filter((file) => !file.includes('node_modules') && !file.includes('cdk.out'))
  .sort();

describe('the documents', () => {
  it('say of the code what the code says: `node scripts/generate-docs.ts` writes the generated parts', async () => {
    const all = await documents();
    expect(all.some(({ wanted }) => wanted.includes('<!-- generated: '))).toBe(true);
    for (const { file, found, wanted } of all) expect(found, `${file}: run node scripts/generate-docs.ts`).toBe(wanted);
  });

  it('link only to files and headings that are there', () => {
    const broken: string[] = [];
    let links = 0;
    for (const file of FILES) {
      const text = readFileSync(path.join(ROOT, file), 'utf8').replace(/```[\s\S]*?```/g, '');
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        links++;
        const [to = '', anchor] = target.split('#');
        const full = to === '' ? path.join(ROOT, file) : path.join(ROOT, path.dirname(file), to);
        if (!existsSync(full)) broken.push(`${file}: ${target}`);
        else if (anchor !== undefined && !anchorsOf(full).has(anchor)) broken.push(`${file}: ${target} (no such heading)`);
      }
    }
    expect(links).toBeGreaterThan(20);
    expect(broken).toEqual([]);
  });

  it('show only workflows that are valid', () => {
    const files = FILES.filter((file) => file === 'README.md' || file.startsWith('docs/'));
    const shown = files.flatMap((file) =>
      [...readFileSync(path.join(ROOT, file), 'utf8').matchAll(/```yaml\n(name: [\s\S]*?)```/g)].map(([, text = '']) => ({ file, text })),
    );
    const workflows = shown.filter(({ text }) => /^steps:/m.test(text));
    expect(workflows.length).toBeGreaterThan(1);
    for (const { file, text } of workflows) {
      const { diagnostics } = parseWorkflow(text, { file });
      expect(
        diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => message),
        file,
      ).toEqual([]);
    }
  });
});

/** Anchors of a document's headings, as GitHub makes them. */
function anchorsOf(file: string): Set<string> {
  const headings = readFileSync(file, 'utf8').match(/^#+ .*$/gm) ?? [];
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

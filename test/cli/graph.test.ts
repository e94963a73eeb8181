import { describe, expect, it } from 'vitest';
import { mermaid, outline, svg } from '../../shared/graph/index.ts';
import { parseWorkflow } from '../../shared/workflow/index.ts';

const TEXT = `name: shop
version: "1"
services:
  s: { type: http, endpoint: "http://shop.test" }
steps:
  - { id: reserve, service: s, method: "POST /r", compensate: { method: "DELETE /r" } }
  - id: both
    parallel:
      - { id: pay, service: s, method: "POST /p", compensate: { method: "DELETE /p" } }
      - { id: score, service: s, method: "POST /score", when: '.input.a < 3 && .input.name != "<b>"' }
  - id: pick
    switch:
      - when: .input.fast
        steps: [{ id: air, service: s, method: "POST /air" }]
      - steps: [{ id: sea, service: s, method: "POST /sea", irreversible: true }]
`;

function shop(): ReturnType<typeof outline> {
  const { workflow } = parseWorkflow(TEXT, { file: 'shop.yaml' });
  if (!workflow) throw new Error('the workflow of this test is not valid');
  return outline(workflow, TEXT);
}

describe('mermaid', () => {
  it('draws every step once, and the undo path last step first', () => {
    const text = mermaid(shop());
    const names = new Map([...text.matchAll(/(n\d+)[[{]+"<b>(\w+)<\/b>/g)].map(([, name, id]) => [id, name]));

    expect([...names.keys()]).toEqual(['reserve', 'both', 'pay', 'score', 'pick', 'air', 'sea']);
    expect(text).toContain(`${names.get('pay')}_undo -.-> ${names.get('reserve')}_undo`);
    expect(text).toContain(`${names.get('reserve')}_undo -.-> failed`);
    expect(text).toContain(`${names.get('both')} -.->|fails| ${names.get('pay')}_undo`);
    expect(text).toContain(`${names.get('pick')} -.->|fails| ${names.get('pay')}_undo`);
  });

  it('an author’s text cannot leave its label', () => {
    expect(mermaid(shop())).not.toMatch(/<b>"|"<b>"|name != "/);
  });
});

describe('svg', () => {
  it('is well formed, needs nothing from outside, and shows happy path and undo path', () => {
    const text = svg(shop());
    const stack: string[] = [];
    for (const [whole, close, name] of text.matchAll(/<(\/?)([a-z]+)[^>]*>/gi)) {
      if (close) expect(stack.pop()).toBe(name);
      else if (!whole.endsWith('/>')) stack.push(name ?? '');
    }

    expect(stack).toEqual([]);
    expect(text).not.toMatch(/href|<script|url\((?!#)/);
    for (const label of ['reserve', 'undo reserve', 'undo pay', 'start', 'done', 'failed']) expect(text).toContain(`>${label}<`);
    expect(text).toContain('.input.a &#60; 3 &#38;&#38; .input.name != &#34;&#60;b&#62;&#34;');
  });

  it('undos stand in file order from the top, so that the arrows go up', () => {
    const text = svg(shop());
    const y = (label: string): number => Number(new RegExp(`y="([\\d.]+)">${label}<`).exec(text)?.[1]);

    expect(y('failed')).toBeLessThan(y('undo reserve'));
    expect(y('undo reserve')).toBeLessThan(y('undo pay'));
  });
});

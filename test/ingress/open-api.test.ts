// The document, and its page.

import { createHash } from 'node:crypto';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openApiDocument } from '../../functions/ingress/index.ts';
import { ROUTES } from '../../functions/ingress/routes/index.ts';
import { type Bench, openBench } from './support.ts';

let bench: Bench;
/** Every route of the design, in the document's spelling. */
const DESIGN = `
POST /api/v2/orchestrate/run
GET /api/v2/orchestrate/run
GET /api/v2/orchestrate/run/{id}
GET /api/v2/orchestrate/run/{id}/events
POST /api/v2/orchestrate/run/{id}/checkpoints/{checkpoint_id}
POST /api/v2/orchestrate/run/{id}/cancel
POST /api/v2/orchestrate/run/{id}/retry
POST /api/v2/orchestrate/run/{id}/undo
GET /api/v2/orchestrate/run/{id}/artifacts
GET /api/v2/orchestrate/run/{id}/artifacts/{artifact_id}
POST /api/v2/orchestrate/plan
GET /api/v2/workflows
GET /api/v2/workflows/{name}
PUT /api/v2/workflows/{name}
DELETE /api/v2/workflows/{name}
GET /api/v2/workflows/{name}/graph
GET /api/v2/capabilities
GET /api/v2/providers
GET /api/v2/providers/{id}
POST /api/v2/providers/{id}/certify
GET /api/v2/flags/{name}
PUT /api/v2/flags/{name}
GET /api/v2/breakers
POST /api/v2/breakers/{origin}/reset
POST /api/v2/callbacks/{token}
POST /api/maestro/produce
GET /api/v2/keys
POST /api/v2/keys
DELETE /api/v2/keys/{id}
GET /api/v2/audit
POST /api/v2/events
GET /api/v2/logs
GET /openapi.json
GET /docs
GET /healthz`
  .trim()
  .split('\n');

beforeAll(async () => {
  bench = await openBench();
});

afterAll(() => bench.close());

test('it is OpenAPI 3.1 by a public validator', async () => {
  const { json } = await bench.ask({ path: '/openapi.json', key: null });
  const validator = new Validator();

  const result = await validator.validate(structuredClone(json));

  expect(result.errors ?? []).toEqual([]);
  expect(result.valid).toBe(true);
  expect(validator.version).toBe('3.1');
  expect(json.info.version).toBe('1.2.3');
  expect(json.servers).toEqual([{ url: '/prod' }]);
});

test('a document with a mistake is found by that validator', async () => {
  const document = structuredClone(openApiDocument('1'));
  Object.assign(document, { paths: { '/a': { get: { responses: { 200: {} } } } } });

  expect((await new Validator().validate(document)).valid).toBe(false);
});

test('it has every route of the design, and no other', () => {
  const { paths } = openApiDocument('1') as { paths: { [path: string]: object } };
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );

  expect(documented.sort()).toEqual([...DESIGN].sort());
  expect(Object.keys(ROUTES)).toHaveLength(DESIGN.length);
});

test('every reference leads somewhere, and every path parameter is described', () => {
  const document = openApiDocument('1') as {
    paths: { [path: string]: { [method: string]: { parameters?: { name: string; in: string }[] } } };
  };
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#([^"]*)"/g)].map(([, pointer = '']) => pointer);
  const found = (pointer: string): unknown =>
    pointer
      .slice(1)
      .split('/')
      .reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined), document);

  expect(references.length).toBeGreaterThan(50);
  expect(references.filter((pointer) => found(pointer) === undefined)).toEqual([]);
  for (const [path, methods] of Object.entries(document.paths))
    for (const { parameters = [] } of Object.values(methods))
      expect(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)).toEqual(
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
      );
});

test('it says of each operation who may, what goes in and what can come out', () => {
  const { paths } = openApiDocument('1') as { paths: { [path: string]: { [method: string]: { [field: string]: unknown } } } };
  const start = paths['/api/v2/orchestrate/run']?.['post'] ?? {};
  const produce = paths['/api/maestro/produce']?.['post'] ?? {};

  expect(start).toMatchObject({
    operationId: 'startRun',
    security: [{ bearer: [] }, { apiKey: [] }],
    requestBody: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/RunRequest' } } } },
  });
  expect(Object.keys(start['responses'] ?? {})).toEqual(
    expect.arrayContaining(['200', '202', '401', '403', '409', '413', '415', '422', '429', 'default']),
  );
  expect(start['description']).toContain('Scope: `run`');
  expect(produce).toMatchObject({ deprecated: true, security: [] });
  expect(paths['/healthz']?.['get']).toMatchObject({ security: [] });
});

test('the page shows every route, has no script and nothing from elsewhere, and its style is the one that is allowed', async () => {
  const { text, headers } = await bench.ask({ path: '/docs', key: null });
  const policy = headers['content-security-policy'] ?? '';
  const [, style = ''] = /<style>(.*?)<\/style>/s.exec(text) ?? [];

  for (const route of DESIGN) expect(text).toContain(route.split(' ')[1]?.replace(/&/g, '&amp;'));
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(
    /<(?:script|link|img|iframe|object|embed|base|form)\b|<[^>]+\s(?:on\w+|src|style)\s*=|javascript:|url\(|@import/i.exec(text)?.[0],
  ).toBeUndefined();
  expect([...text.matchAll(/href="([^"]+)"/g)].filter(([, to = '']) => !to.startsWith('#')).map(([, to]) => to)).toEqual(['openapi.json']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
  expect([...text.matchAll(/href="#([^"]+)"/g)].filter(([, id]) => !text.includes(`id="${id}"`))).toEqual([]);
});

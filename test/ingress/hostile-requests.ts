// Requests that nobody sends by accident: every route, with every kind of trick in each of its parts.

import fc from 'fast-check';
import type { RouteDefinition } from '../../functions/http/index.ts';
import { ROUTES } from '../../functions/ingress/routes/index.ts';

const NASTY = [
  '__proto__',
  'constructor',
  'toString',
  '..',
  '%2e%2e',
  '%252e%252e%252f',
  '%00',
  '%0d%0aset-cookie:a=b',
  '%c0%ae',
  '%',
  '%zz',
  "' OR 1=1 --",
  '${jndi:ldap://x}',
  '{{ secret.KEY }}',
  '<script>alert(1)</script>',
  'http://169.254.169.254/latest/meta-data/',
  'file:///etc/passwd',
  '\u0000',
  '\ud800',
  '\u202e',
  '💥',
  'a'.repeat(3_000),
  '-1',
  '1e400',
  'NaN',
  'null',
  'undefined',
  'true',
  '',
  ' ',
  '*',
  'RUN',
  'run_00000000000000000000000000',
  'chk_00000000000000000000000000',
];

const nasty = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NASTY) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
);
/** Stands for one of the victim's ids, or of the attacker's own: known only when the service is there. */
const id = fc.oneof(
  fc.nat({ max: 5 }).map((index) => `VICTIM${index}`),
  fc.nat({ max: 2 }).map((index) => `OWN${index}`),
);
const word = fc.oneof(
  { weight: 2, arbitrary: nasty },
  { weight: 3, arbitrary: id },
  { weight: 1, arbitrary: fc.constantFrom('echo', 'approval', 'order') },
);

const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    word,
    fc.constantFrom<unknown>(null, true, 0, -1, 1e308, 2 ** 53, 'sync', 'queued'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(word, fc.constantFrom('workflow', 'input', 'mode', 'decision', 'scopes')), tie('value'), { maxKeys: 4 }),
  ),
})).value;

const ALL: { [operation: string]: RouteDefinition } = ROUTES;

/** Bodies that are taken, by operation. */
const GOOD: { [operation: string]: { [field: string]: unknown }[] } = {
  startRun: [
    { workflow: 'echo', input: { text: 'a' } },
    { workflow: 'approval', mode: 'async' },
    { workflow: 'order', stream: true, metadata: { a: 1 } },
    { query: 'a film' },
  ],
  produce: [{ workflow: 'echo', input: { text: 'a' } }],
  resolveCheckpoint: [{ decision: 'approve', option: 'soon' }, { option: 'later' }, { decision: 'reject' }],
  cancelRun: [{ force: true }, {}],
  createKey: [{ name: 'k', scopes: ['read'], tenant: 'mallory', rate_limit: 5, expires_in: '1h' }],
  putEvents: [{ source: 'a', 'detail-type': 'b', detail: {} }, { events: [{ source: 'a', 'detail-type': 'b', detail: {} }] }],
};

/** Those with more to get wrong come more often. */
const OPERATIONS = [...Object.keys(ALL), ...Object.keys(GOOD), ...Object.keys(GOOD), ...Object.keys(GOOD)];

function bodyFor(operation: string): fc.Arbitrary<string | undefined> {
  const good = fc.constantFrom(...(GOOD[operation] ?? [{}]));
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 4, arbitrary: good.map((known) => JSON.stringify(known)) },
    { weight: 3, arbitrary: fc.tuple(good, word, json).map(([known, field, value]) => JSON.stringify({ ...known, [field]: value })) },
    { weight: 5, arbitrary: fc.tuple(good, fc.nat(), json).map(([known, at, value]) => JSON.stringify(changed(known, at, value))) },
    { weight: 2, arbitrary: json.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.tuple(good, fc.nat({ max: 60 })).map(([known, end]) => JSON.stringify(known).slice(0, end)) },
    { weight: 1, arbitrary: fc.constantFrom('{"__proto__":{"x":1}}', '{"constructor":{"prototype":{"x":1}}}', '{"a":1e999}', '\ufeff{}') },
    {
      weight: 1,
      arbitrary: fc.nat({ max: 200 }).map((depth) => `{"workflow":"echo","input":${'{"text":'.repeat(depth)}"a"${'}'.repeat(depth)}}`),
    },
    { weight: 1, arbitrary: fc.oneof(nasty, fc.constant('['.repeat(5_000))) },
  );
}

/** The same with another value of one of its fields. */
function changed(known: { [field: string]: unknown }, at: number, value: unknown): object {
  const fields = Object.keys(known);
  return { ...known, [fields[at % Math.max(fields.length, 1)] ?? 'a']: value };
}

/** A path of a route, with something for each parameter. */
function pathFor(operation: string): fc.Arbitrary<string> {
  const path = ALL[operation]?.path ?? '';
  const filled = fc.tuple(fc.tuple(word, word), fc.boolean()).map(([words, encoded]) => {
    let index = 0;
    return path.replace(/\{\w+\+?\}/g, () => {
      const text = words[index++ % 2] ?? '';
      return encoded ? encodeURIComponent(text.toWellFormed()) : text;
    });
  });
  return fc.oneof(
    { weight: 12, arbitrary: filled },
    { weight: 1, arbitrary: word.map((text) => `${path}/${text}`) },
    { weight: 1, arbitrary: word.map((text) => `/${text}${path}`) },
    { weight: 1, arbitrary: fc.constantFrom('/svc', '/prod', '//', '/svc/svc', '/./').map((before) => before + path) },
    { weight: 1, arbitrary: fc.webPath() },
  );
}

const header = fc.tuple(
  fc.constantFrom(
    'Authorization',
    'x-api-key',
    'X-Maestro-Tenant',
    'Idempotency-Key',
    'Last-Event-ID',
    'Content-Encoding',
    'Host',
    'Origin',
    'X-Forwarded-For',
    'Accept',
    'x-request-id',
    '__proto__',
    'Transfer-Encoding',
  ),
  fc.oneof(word, fc.constantFrom('1', '0', '99999999', 'k-1', 'victim', 'localhost', 'identity', 'AWS4-HMAC-SHA256 Credential=x')),
);

/** Mostly none: one trick alone gets further than many at once. */
function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

export interface HostileRequest {
  method: string;
  path: string;
  /** Which of the keys is sent. */
  attacker: number;
  headers: [string, string][];
  contentType: string | undefined;
  query: { [name: string]: string } | undefined;
  body: string | undefined;
  isBase64Encoded: boolean;
  loopback: boolean;
}

/** In its texts `VICTIM0` … `VICTIM5` and `OWN0` … `OWN2` stand for ids. */
export const hostileRequest: fc.Arbitrary<HostileRequest> = fc.constantFrom(...OPERATIONS).chain((operation) =>
  fc
    .record({
      otherMethod: seldom(
        fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT', '__proto__', 'get', ''),
      ),
      path: pathFor(operation),
      attacker: fc.nat({ max: 7 }),
      headers: seldom(fc.array(header, { maxLength: 2 })).map((headers) => headers ?? []),
      contentType: seldom(
        fc.constantFrom('text/plain', 'application/yaml', 'multipart/form-data; boundary=x', 'application/json; charset=utf-7', ''),
      ),
      query: seldom(
        fc.dictionary(fc.oneof(fc.constantFrom('limit', 'cursor', 'status', 'workflow', 'since', 'tenant', 'verify'), word), word, {
          maxKeys: 2,
        }),
      ),
      body: bodyFor(operation),
      isBase64Encoded: fc.boolean(),
      loopback: fc.boolean(),
    })
    .map(({ otherMethod, ...request }) => ({ ...request, method: otherMethod ?? ALL[operation]?.method ?? 'GET' })),
);

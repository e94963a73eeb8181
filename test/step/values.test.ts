import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../shared/json.ts';
import { escapeReserved, isStored, loadStored, selectPointers, shapeValue, unescapeReserved } from '../../shared/runs/index.ts';
import { call, createWorld, done, memoryBlobs, RUN_ID, report, undo } from './world.ts';

const json = fc.jsonValue() as fc.Arbitrary<Json>;
const keys = fc.constantFrom('$stored', '$late', '$$stored', '$$$late', 'a', '$storedx', '__proto__');
const tricky = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<Json>(1, 'x', null),
    fc.array(tie('value'), { maxLength: 3 }) as fc.Arbitrary<Json>,
    fc.dictionary(keys, tie('value'), { maxKeys: 3, noNullPrototype: true }) as fc.Arbitrary<Json>,
  ),
})).value;

describe('reserved keys', () => {
  it('come out as they went in, and are never Maestro’s own inside', () => {
    fc.assert(
      fc.property(tricky, (value) => {
        const inside = escapeReserved(value);
        expect(JSON.stringify(unescapeReserved(inside))).toBe(JSON.stringify(value));
        expect(JSON.stringify(inside)).not.toMatch(/"\$(stored|late)"/);
      }),
    );
  });

  it('of an answer reach the next service as they were', async () => {
    const world = createWorld();
    const odd = { $late: '1+1', $stored: { key: `${RUN_ID}/x`, sha256: '0' } };
    world.caller.answers('s1', done(odd));

    const inState = await world.step(call(1));
    await world.step(call(2, { input: { got: inState } }));

    expect(inState).toEqual({ $$late: '1+1', $$stored: { key: `${RUN_ID}/x`, sha256: '0' } });
    expect(world.caller.requests[1]?.input).toEqual({ got: odd });
  });
});

describe('a result over its budget', () => {
  const large = {
    id: 7,
    items: [
      { sku: 'a', text: 'x'.repeat(400) },
      { sku: 'b', text: 'y'.repeat(400) },
    ],
    meta: { page: 1, note: 'z'.repeat(400) },
  };

  it('stands in the state as a reference with the paths that are read', async () => {
    const world = createWorld();
    world.caller.answers('s1', done(large));

    const value = await world.step(call(1, { budget: 512, keep: ['/id', '/items/sku', '/meta/page', '/nowhere'] }));

    expect(value).toMatchObject({
      id: 7,
      items: [{ sku: 'a' }, { sku: 'b' }],
      meta: { page: 1 },
      $stored: { key: expect.stringMatching(new RegExp(`^${RUN_ID}/0001\\.[0-9a-f]{16}$`)), bytes: JSON.stringify(large).length },
    });
    expect(Object.keys(value as object).sort()).toEqual(['$stored', 'id', 'items', 'meta']);
    expect(await world.step(call(1, { budget: 512, keep: ['/id'] }))).toEqual(value);
  });

  it('is loaded whole where a call takes it whole', async () => {
    const world = createWorld();
    world.caller.answers('s1', done(large));
    const value = await world.step(call(1, { budget: 300, keep: [] }));

    await world.step(call(2, { input: { list: [value] } }));

    expect(world.caller.requests[1]?.input).toEqual({ list: [large] });
  });

  it('fails the step, which is then undone, when what is read of it does not fit', async () => {
    const world = createWorld();
    world.caller.answers('s1', done(large));

    expect(await world.send(call(1, { budget: 512, keep: ['/id', '/meta'] }))).toMatchObject({
      error: 'Maestro.ResultTooLarge',
      facts: { outcome: 'done', message: expect.stringContaining('"meta"') },
    });
    expect(await world.send(call(2, { budget: 512, service: { name: 's1', type: 'http', endpoint: [] } }))).toMatchObject({
      error: 'Maestro.ResultTooLarge',
    });
    await world.send(undo(1));

    expect(world.caller.keys()).toContain('0001/undo 0');
  });

  it('is refused when the reference is another run’s, or its bytes are not those that were stored', async () => {
    const world = createWorld();
    world.caller.answers('s1', done(large));
    const value = (await world.step(call(1, { budget: 300, keep: [] }))) as { $stored: { key: string; sha256: string; bytes: number } };
    const foreign = { $stored: { ...value.$stored, key: 'run_other/0001' } };
    await world.blobs.put('run_other/0001', world.blobs.all.get(value.$stored.key) ?? new Uint8Array());

    expect(await world.send(call(2, { input: { value: foreign } }))).toMatchObject({ error: 'Maestro.BadConfiguration' });
    await world.blobs.put(value.$stored.key, new TextEncoder().encode('{"id":8}'));
    expect(await world.send(call(3, { input: value }))).toMatchObject({ error: 'Maestro.BadConfiguration' });
    expect(world.caller.requests).toHaveLength(1);
  });

  it('can be undone also when its bytes are gone, and a step is tried again when they cannot be read', async () => {
    const world = createWorld();
    world.caller.answers('s1', done(large));
    const value = await world.step(call(1, { budget: 300, keep: [] }));
    world.blobs.get = () => Promise.reject(new Error('down'));

    expect(await world.send(call(2, { input: value, attempts: 2 }))).toMatchObject({
      error: 'Maestro.ServiceUnavailable',
      facts: { outcome: 'not_performed' },
    });
    expect(await world.send(undo(1))).toMatchObject({ value: { did: 'undone' } });
  });

  it('always fits where it is said to fit, and always comes back', async () => {
    await fc.assert(
      fc.asyncProperty(
        json,
        fc.integer({ min: 256, max: 600 }),
        fc.array(fc.constantFrom('/a', '/b/c', '/a/0', '/x'), { maxLength: 3 }),
        async (value, budget, keep) => {
          const blobs = memoryBlobs();
          const padded = { a: value, b: { c: value, pad: 'p'.repeat(500) } };
          const shaped = await shapeValue(blobs, `${RUN_ID}/1`, padded, { budget, keep });
          if (!shaped.fits) return;
          expect(Buffer.byteLength(JSON.stringify(shaped.value))).toBeLessThanOrEqual(budget);
          expect(JSON.stringify(await loadStored(blobs, RUN_ID, shaped.value))).toBe(JSON.stringify(padded));
          expect(isStored(shaped.value)).toBe(shaped.stored);
        },
      ),
    );
  });

  it('keeps of a list at the top what a path through it reads', async () => {
    const shaped = await shapeValue(memoryBlobs(), `${RUN_ID}/1`, [{ a: { b: 1 } }, { a: { b: 2 }, pad: 'x'.repeat(500) }, 3], {
      budget: 300,
      keep: ['/a/b', '/c'],
    });

    expect(shaped).toMatchObject({ fits: true, value: { a: [{ b: 1 }, { b: 2 }] } });
  });
});

describe('select', () => {
  it('keeps only the paths it names, through lists too', () => {
    const value = { a: 1, b: { c: 2, d: 3 }, list: [{ x: 1, y: 2 }, { y: 3 }] };

    expect(selectPointers(value, ['/a', '/b/c', '/list/x', '/none'])).toEqual({ a: 1, b: { c: 2 }, list: [{ x: 1 }, {}] });
    expect(selectPointers('text', ['/a'])).toBeNull();
    expect(selectPointers(JSON.parse('{"__proto__":{"a":1}}'), ['/__proto__/a'])).toEqual(JSON.parse('{"__proto__":{"a":1}}'));
    expect(selectPointers({}, ['/constructor/name'])).toEqual({});
  });

  it('leaves the undo the whole answer', async () => {
    const world = createWorld();
    world.caller.answers('s1', done({ id: 7, secretPart: 's' }));
    const message = call(1, { select: ['/id'] });
    message.undo = {
      ...message.undo,
      input: { id: { $late: '$o.id' }, part: { $late: '$o.secretPart' }, why: { $late: '$e.error & ":" & $o.secretPart', error: true } },
    } as NonNullable<typeof message.undo>;

    expect(await world.step(message)).toEqual({ id: 7 });
    await world.step(undo(1));

    expect(world.caller.requests[1]?.input).toEqual({ id: 7, part: 's', why: 'Maestro.ServiceRejected:s' });
  });
});

describe('late leaves of an undo request', () => {
  it('are finished with the answer before the step answers, and with the failure when the undo runs', async () => {
    const world = createWorld();
    world.caller.answers('s1', done({ id: 'p-1', list: [1] }));
    const message = call(1);
    message.undo = {
      ...message.undo,
      method: ['/payments/', { v: { $late: '$o.id' } }],
      input: {
        list: { $late: '$o.list' },
        bound: { $late: '$name & "!"', bind: { name: 'o\'brien "{%' } },
        reason: { $late: '$e.message', error: true },
        missing: { $late: '$o.nothing.here' },
        broken: { $late: '$o.id + 1' },
        plain: { $$late: 'data' },
      },
    } as unknown as NonNullable<typeof message.undo>;
    await world.step(message);
    const [record] = await world.store.read([{ pk: `RUN#${RUN_ID}`, sk: 'STEP#0001' }]);
    expect(record?.['undo']).toMatchObject({
      method: ['/payments/', { v: 'p-1' }],
      input: { list: [1], bound: 'o\'brien "{%!', missing: null, broken: null, reason: { $late: '$e.message' } },
    });

    await world.step(
      undo(1, {
        error: {
          step: 'pay',
          error: 'Maestro.ServiceRejected',
          cause: JSON.stringify({ errorType: 'x', errorMessage: JSON.stringify({ step: 'pay', message: 'card refused' }) }),
        },
      }),
    );

    expect(world.caller.requests[1]).toMatchObject({
      method: ['/payments/', { v: 'p-1' }],
      input: { list: [1], reason: 'card refused', missing: null, plain: { $late: 'data' } },
    });
  });

  it('do not run what an answer holds', async () => {
    const world = createWorld();
    world.caller.answers('s1', done('{"$late":"$o"}'));
    const message = call(1);
    message.undo = {
      ...message.undo,
      input: { parsed: { $late: '$parse($o)' }, later: { $late: '$e.step', error: true } },
    } as unknown as NonNullable<typeof message.undo>;
    await world.step(message);
    await world.step(undo(1));

    expect(world.caller.requests[1]?.input).toEqual({ parsed: { $late: '$o' }, later: 'step9' });
  });
});

describe('the report', () => {
  it('is JSON of at most 30,000 characters however much there is to tell', async () => {
    const world = createWorld();
    world.caller.answers('u1', { outcome: 'not_performed', error: 'Maestro.ServiceRejected', message: 'm'.repeat(500), detail: {} });
    const places = Array.from({ length: 900 }, (_, n) => `0001.${String(n).padStart(5, '0')}.0001`);
    for (const at of places) await world.step(call(1, { at, step: `a-step-with-quite-a-long-name-${at}` }));
    for (const at of places) await world.send(undo(1, { at }));

    const { cause } = (await world.step(report({ step: 's', error: 'X', cause: 'c'.repeat(40_000) }))) as { cause: string };

    expect(cause.length).toBeLessThanOrEqual(30_000);
    expect(JSON.parse(cause)).toMatchObject({ status: 'compensation_failed', left_count: 900 });
    expect(world.notices[0]?.left).toHaveLength(900);
  });
});

// The comparison does not depend on the key: counted, not timed.

import { describe, expect, it, vi } from 'vitest';
import { keysWorld, REQUEST, TENANT } from './support.ts';

const work = vi.hoisted((): string[] => []);

vi.mock('node:crypto', async (load) => {
  const crypto = await load<typeof import('node:crypto')>();
  return {
    ...crypto,
    hash: (...given: Parameters<typeof crypto.hash>) => {
      work.push(`hash ${String(given[0])}`);
      return crypto.hash(...given);
    },
    timingSafeEqual: (a: Buffer, b: Buffer) => {
      work.push(`compare ${a.length} ${b.length}`);
      return crypto.timingSafeEqual(a, b);
    },
  };
});

describe('the secret of a key', () => {
  it('is hashed once and compared once in constant time, whatever becomes of the check', async () => {
    const { keys, clock } = keysWorld();
    const good = await keys.create(REQUEST);
    const revoked = await keys.create(REQUEST);
    const expired = await keys.create({ ...REQUEST, expiresAtMs: clock.now() });
    await keys.revoke(TENANT, revoked.id);
    const wrong = [...Array(43).keys()].map((at) => {
      const place = good.key.length - 43 + at;
      return `${good.key.slice(0, place)}${good.key[place] === 'A' ? 'B' : 'A'}${good.key.slice(place + 1)}`;
    });
    const texts = [
      good.key,
      revoked.key,
      expired.key,
      ...wrong,
      `mk_${'0'.repeat(16)}${'A'.repeat(43)}`,
      `mk_${'9'.repeat(59)}`,
      'mk_',
      '',
      'x'.repeat(90),
    ];
    work.length = 0;

    const seen: string[] = [];
    for (const text of texts) {
      await keys.check(text);
      seen.push(work.splice(0).join());
    }

    expect(seen).toEqual(texts.map(() => 'hash sha256,compare 32 32'));
  });
});

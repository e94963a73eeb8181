import { expect, test } from 'vitest';
import { isKeyOf } from '../../local/service/audit-key.ts';
import { hmacKey } from '../../shared/audit/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';

test('a key is known again, and another one in its place is told', async () => {
  const database = openDatabase({ path: ':memory:' });
  const store = createSqliteStore(database);
  const first = hmacKey('one key');

  expect(await isKeyOf(store, first)).toBe(true);
  expect(await isKeyOf(store, hmacKey('one key'))).toBe(true);
  expect(await isKeyOf(store, hmacKey('another key'))).toBe(false);
  expect(await isKeyOf(store, first), 'the one that was there stays the one').toBe(true);
  database.close();
});

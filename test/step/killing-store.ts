// A store of a process that dies at a given point: from then on nothing of that process gets through.

import type { JsonObject } from '../../shared/json.ts';
import type { Key, Store } from '../../shared/store/index.ts';
import { RUN_ID } from './world.ts';

export class Killed extends Error {}

export interface Killing {
  store: Store;
  /** Counts down at every write and call; at 0 the process is dead: nothing of it gets through any more. */
  point(): void;
  arm(at: number): void;
  dead: boolean;
  /** Keys whose end was recorded, ever. */
  ended: Set<string>;
  /** Something was written that is not durable yet. */
  dirty: boolean;
}

export function killingStore(inner: Store): Killing {
  let left = Number.POSITIVE_INFINITY;
  function note({ sk }: Key, body: JsonObject | undefined): void {
    killing.dirty = true;
    const key = `${RUN_ID}/${sk.slice('STEP#'.length)}`;
    if (body?.['state'] === 'done') killing.ended.add(key);
    if (body?.['undoState'] === 'undone' || body?.['undoState'] === 'undo_failed') killing.ended.add(`${key}/undo`);
  }
  const killing: Killing = {
    dead: false,
    ended: new Set(),
    dirty: false,
    arm(at) {
      left = at;
      killing.dead = false;
    },
    point() {
      if (killing.dead || left-- <= 0) {
        killing.dead = true;
        throw new Killed('killed');
      }
    },
    store: {
      read: async (keys) => {
        if (killing.dead) throw new Killed('killed');
        return inner.read(keys);
      },
      // Before the write, and after it: both are points to die at.
      put: async (...args) => {
        killing.point();
        const answer = await inner.put(...args);
        if (answer) note(args[0], args[1]);
        killing.point();
        return answer;
      },
      update: async (...args) => {
        killing.point();
        const answer = await inner.update(...args);
        note(args[0], answer);
        killing.point();
        return answer;
      },
      delete: async (...args) => {
        killing.point();
        return inner.delete(...args);
      },
      list: async (...args) => {
        if (killing.dead) throw new Killed('killed');
        return inner.list(...args);
      },
      durable: async () => {
        if (killing.dead) throw new Killed('killed');
        await inner.durable();
        killing.dirty = false;
      },
    },
  };
  return killing;
}

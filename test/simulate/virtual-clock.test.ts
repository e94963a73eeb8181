import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { createVirtualClock } from '../../local/simulate/virtual-clock.ts';
import { sleep } from '../../shared/clock.ts';

describe('the virtual clock', () => {
  test('fires timers by time, then by the order in which they were set', async () => {
    const clock = createVirtualClock(1_000);
    const fired: string[] = [];
    const set = (name: string, delayMs: number) => clock.setTimer(delayMs, () => fired.push(`${name}@${clock.now()}`));
    set('c', 20);
    set('a', 10);
    set('b', 10);
    set('now', -5);
    await clock.run(sleep(clock, 30));
    expect(fired).toEqual(['now@1000', 'a@1010', 'b@1010', 'c@1020']);
    expect(clock.now()).toBe(1_030);
  });

  test('lets all that follows from one timer happen before the next one fires', async () => {
    const clock = createVirtualClock(0);
    const log: string[] = [];
    clock.setTimer(5, () => {
      void (async () => {
        for (let turn = 0; turn < 20; turn++) {
          await new Promise((resolve) => setImmediate(resolve));
          clock.touch();
        }
        log.push(`long@${clock.now()}`);
      })();
    });
    clock.setTimer(6, () => log.push('second'));
    await clock.run(sleep(clock, 7));
    expect(log).toEqual(['long@5', 'second']);
  });

  test('waits for a file that is being read', async () => {
    const clock = createVirtualClock(0);
    const log: string[] = [];
    clock.setTimer(1, () => {
      void readFile(new URL(import.meta.url)).then((bytes) => log.push(`read@${clock.now()}:${bytes.length > 0}`));
    });
    await clock.run(sleep(clock, 2));
    expect(log).toEqual(['read@1:true']);
  });

  test('a cancelled timer does not fire, and a year costs nothing', async () => {
    const clock = createVirtualClock(0);
    let fired = false;
    clock
      .setTimer(10, () => {
        fired = true;
      })
      .cancel();
    await clock.run(sleep(clock, 365 * 86_400_000));
    expect(fired).toBe(false);
    expect(clock.now()).toBe(365 * 86_400_000);
  });

  test('says so when nothing can happen any more', async () => {
    const clock = createVirtualClock(0);
    await expect(clock.run(new Promise(() => {}))).rejects.toThrow(/stands still/);
  });

  test('says so when the time that was allowed is over', async () => {
    const clock = createVirtualClock(0);
    const again = (): void => void clock.setTimer(1_000, again);
    again();
    await expect(clock.run(new Promise(() => {}), undefined, 60_000)).rejects.toThrow(/60000 ms/);
  });

  test('a dropped timer never fires', async () => {
    const clock = createVirtualClock(0);
    let fired = false;
    clock.setTimer(10, () => {
      fired = true;
    });
    clock.dropTimers();
    await clock.run(sleep(clock, 100));
    expect(fired).toBe(false);
    expect(clock.pending).toBe(0);
  });
});

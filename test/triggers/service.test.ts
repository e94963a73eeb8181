// Triggers on the service itself: what they start is a run like any other, once.

import { afterEach, describe, expect, test } from 'vitest';
import { createLocalTriggers, type LocalTriggers, type TriggerDeadLetter } from '../../local/triggers/index.ts';
import type { Envelope } from '../../shared/contract/index.ts';
import { DEFAULT_TENANT, type NewBusEvent } from '../../shared/orchestrate/index.ts';
import { callerOf, createServiceWorld, type ServiceWorld } from '../orchestrate/world.ts';

const NOBODY = callerOf(DEFAULT_TENANT);
const HEAR = `name: hear
version: "1"
input: { type: object, required: [order], properties: { order: { type: string }, by: { type: string } } }
triggers:
  - event: { source: [shop], detail: { order: [{ exists: true }] } }
    input: { order: "{{ .event.detail.order }}", by: "{{ .event.detail.by }}" }
    dedupe: "{{ .event.detail.order }}"
  - schedule: rate(1 hour)
    input: { order: "{{ .event.time }}" }
steps:
  - { id: tell, emit: { detail_type: Heard, detail: { order: "{{ .input.order }}" } } }
output: { order: "{{ .input.order }}" }
`;
const AFTER = `name: after
version: "1"
triggers:
  - event: { detail-type: [Heard], detail: { order: [{ prefix: o- }] } }
steps: [{ set: { order: "{{ .input.detail.order }}" } }]
output: { order: "{{ .order }}" }
`;

let world: ServiceWorld;
let triggers: LocalTriggers;
let letters: TriggerDeadLetter[];

async function begin(files = [HEAR.replace(/ {2}- schedule[\s\S]*?time }}" }\n/, ''), AFTER]): Promise<void> {
  letters = [];
  world = await createServiceWorld(files);
  const { runtime, clock, service, parts } = world;
  triggers = createLocalTriggers({
    store: runtime.runs.store,
    clock,
    ids: runtime.parts.ids,
    service,
    catalog: parts.catalog,
    deadLetter: async (letter) => {
      letters.push(letter);
    },
  });
  runtime.connectBus(triggers.bus);
  await world.drive(triggers.start());
}

afterEach(async () => {
  await world.drive(triggers.close());
  await world.close();
});

function placed(order: unknown, id = 'x'): NewBusEvent {
  return { source: 'shop', 'detail-type': 'Placed', detail: { order: order as string, id } };
}

/** All runs, in the order of their inputs' text, when everything that can happen now has happened. */
async function runs(): Promise<Envelope['data'][]> {
  await world.clock.settle();
  const { data } = await world.drive(world.service.list(NOBODY, {}));
  const found = await Promise.all(data.map(({ id }) => world.settle(id, NOBODY)));
  return found.sort((a, b) => (JSON.stringify(a.input) < JSON.stringify(b.input) ? -1 : 1));
}

describe('an event', () => {
  test('starts a run of the default tenant; what that run emits starts the next', async () => {
    await begin();

    await world.drive(triggers.bus.put([placed('o-1')]));
    const found = await runs();
    const [first] = found.filter(({ run }) => run.workflow === 'hear');
    const [second] = found.filter(({ run }) => run.workflow === 'after');

    expect(found).toHaveLength(2);
    expect(first).toMatchObject({ status: 'completed', input: { order: 'o-1' }, run: { workflow: 'hear', mode: 'event' } });
    expect(second).toMatchObject({ status: 'completed', output: { order: 'o-1' }, run: { workflow: 'after', mode: 'event' } });
    expect(second?.input).toMatchObject({
      'detail-type': 'Heard',
      detail: { order: 'o-1' },
      resources: [expect.stringContaining('stateMachine:hear'), expect.stringContaining('execution:hear')],
    });
  });

  test('that says the same again, at once or later, means the run that there is', async () => {
    await begin([HEAR.replace(/ {2}- schedule[\s\S]*?time }}" }\n/, '')]);

    await world.drive(triggers.bus.put([placed('o-1', 'a'), placed('o-1', 'b'), placed('o-2'), placed('o-1', 'c')]));
    expect((await runs()).map(({ input }) => input)).toEqual([{ order: 'o-1' }, { order: 'o-2' }]);
    await world.drive(triggers.bus.put([placed('o-1', 'd')]));

    expect(await runs()).toHaveLength(2);
    expect(letters).toEqual([]);
  });

  test('whose input the workflow refuses ends in the dead letters, and no run is made', async () => {
    await begin();

    await world.drive(triggers.bus.put([placed(5)]));

    expect(await runs()).toEqual([]);
    expect(letters).toEqual([
      expect.objectContaining({
        tries: 1,
        error: { name: 'ApiError', message: expect.stringContaining('hear') },
        start: expect.objectContaining({ workflow: 'hear', input: { order: 5 } }),
        event: expect.objectContaining({ source: 'shop' }),
      }),
    ]);
  });
});

test('a schedule starts a run with the time that it names', async () => {
  await begin([HEAR]);
  await world.drive(new Promise<void>((resolve) => world.clock.setTimer(3_600_000 + 1, resolve)));

  const found = await runs();

  expect(found).toHaveLength(2);
  const [first, second] = found.map(({ input }) => Date.parse((input as { order: string }).order));
  expect((second ?? 0) - (first ?? 0)).toBe(3_600_000);
  expect(found.map(({ run }) => run.mode)).toEqual(['schedule', 'schedule']);
});

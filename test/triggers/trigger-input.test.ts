import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../shared/json.ts';
import { publicRunId } from '../../shared/protocol/run-id.ts';
import {
  dedupeName,
  dedupeText,
  eventTargetInput,
  scheduleEvent,
  scheduleTargetInput,
  triggeredStart,
  triggerInput,
  triggerMessageSchema,
} from '../../shared/triggers/index.ts';

const EVENT: JsonObject = {
  version: '0',
  id: 'e-1',
  'detail-type': 'Order Placed',
  source: 'shop',
  account: '000000000000',
  time: '2026-11-21T07:00:00Z',
  region: 'us-east-1',
  resources: ['arn:a', 'arn:b'],
  detail: {
    id: 'o-7',
    total: 12.5,
    paid: false,
    note: null,
    lines: [{ sku: 'a', tags: ['x'] }, { sku: 'b', tags: ['y', 'z'] }, { qty: 1 }],
    'odd key': { 'a.b': 1 },
    __proto__: { own: 'value' },
  },
};

function input(template: Json): Json {
  return triggerInput({ event: { source: ['shop'] }, input: template }, EVENT);
}

describe('the input of a run that a trigger starts', () => {
  test('is the whole event where the trigger has no input', () => {
    expect(triggerInput({ event: { source: ['shop'] } }, EVENT)).toEqual(EVENT);
  });

  test('is what the trigger says, with values of the event in place of paths, types kept', () => {
    const template = {
      id: '{{ .event.detail.id }}',
      total: '{{.event.detail.total}}',
      paid: '{{ .event.detail.paid }}',
      fixed: { a: [1, 'x', null, true] },
    };

    expect(input(template)).toEqual({ id: 'o-7', total: 12.5, paid: false, fixed: { a: [1, 'x', null, true] } });
  });

  test.each<[string, Json]>([
    ['{{ .event }}', EVENT],
    ['{{ .event.detail }}', EVENT['detail'] ?? null],
    ['{{ .event["detail-type"] }}', 'Order Placed'],
    ['{{ .event.detail["odd key"]["a.b"] }}', 1],
    ['{{ .event.resources }}', ['arn:a', 'arn:b']],
    ['{{ .event.detail.note }}', null],
  ])('%s is found', (template, expected) => {
    expect(input(template)).toEqual(expected);
    expect(input([template])).toEqual([expected]);
  });

  test.each([
    '{{ .event.detail.missing }}',
    '{{ .event.detail.id.deeper }}',
    '{{ .event.detail.note.deeper }}',
    '{{ .event.nothing.at.all }}',
    '{{ .event.detail.constructor }}',
    '{{ .event.detail.total.toFixed }}',
  ])('%s is null: the event does not have it', (template) => {
    expect(input(template)).toBeNull();
    expect(input([template])).toEqual([null]);
  });

  test('what the event does not have is left out of objects; null that it has stays', () => {
    const template = {
      id: '{{ .event.detail.id }}',
      by: '{{ .event.detail.by }}',
      note: '{{ .event.detail.note }}',
      in: { of: '{{ .event.detail.no.such }}' },
    };

    expect(input(template)).toEqual({ id: 'o-7', note: null, in: {} });
  });

  test('a path through a list reads every item, and is the bare value where there is one', () => {
    expect(input('{{ .event.detail.lines.sku }}')).toEqual(['a', 'b']);
    expect(input('{{ .event.detail.lines.qty }}')).toBe(1);
    expect(input('{{ .event.detail.lines.tags }}')).toEqual(['x', 'y', 'z']);
    expect(input('{{ .event.detail.lines.none }}')).toBeNull();
  });

  test('texts without a template are themselves, and may be the whole input', () => {
    expect(input('just this }}')).toBe('just this }}');
    expect(input(5)).toBe(5);
    expect(input(null)).toBeNull();
  });

  test('names like those of prototypes are plain keys', () => {
    const template: JsonObject = JSON.parse('{"__proto__": "{{ .event.detail.id }}"}');

    expect(JSON.stringify(input(template))).toBe('{"__proto__":"o-7"}');
  });
});

describe('what tells one start from another', () => {
  const trigger = { event: { source: ['shop'] }, dedupe: '{{ .event.detail.id }}' };

  test('is the value at `dedupe`: two events about one order are one run', () => {
    expect(dedupeText(trigger, 0, EVENT)).toBe(dedupeText(trigger, 3, { ...EVENT, id: 'e-2' }));
    expect(dedupeText(trigger, 0, { ...EVENT, detail: { id: 'o-8' } })).not.toBe(dedupeText(trigger, 0, EVENT));
  });

  test('is the event without `dedupe`, and for each trigger another', () => {
    const plain = { event: { source: ['shop'] } };

    expect(dedupeText(plain, 0, EVENT)).toBe(dedupeText(plain, 0, { ...EVENT, time: 'x' }));
    expect(dedupeText(plain, 1, EVENT)).not.toBe(dedupeText(plain, 0, EVENT));
    expect(dedupeText(plain, 0, { ...EVENT, id: 'e-2' })).not.toBe(dedupeText(plain, 0, EVENT));
  });

  test('is the event where `dedupe` finds nothing: unrelated events are not made one', () => {
    expect(dedupeText(trigger, 0, { ...EVENT, detail: {} })).not.toBe(dedupeText(trigger, 0, { ...EVENT, id: 'e-2', detail: {} }));
  });

  test('is the time of a schedule, however often it is told', () => {
    const schedule = { schedule: 'rate(1 minute)' };
    const at = (time: string, id: string): JsonObject => scheduleEvent({ id, time, schedule: 'arn', account: '0', region: 'r' });

    expect(dedupeText(schedule, 0, at('2026-11-21T07:00:00Z', 'x'))).toBe(dedupeText(schedule, 0, at('2026-11-21T07:00:00Z', 'y')));
    expect(dedupeText(schedule, 0, at('2026-11-21T07:00:00Z', 'x'))).not.toBe(dedupeText(schedule, 0, at('2026-11-21T07:01:00Z', 'x')));
  });

  test('values that are no text are told apart by type', () => {
    const by = (id: Json): string => dedupeText(trigger, 0, { ...EVENT, detail: { id } });

    expect(new Set([by(true), by({ a: 1 }), by([1]), by(''), by(0)]).size).toBe(5);
  });

  test('becomes a public run id, the same every time and another for another workflow', () => {
    const name = dedupeName('order', 'event 0 e-1');

    expect(name).toMatch(/^run_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(dedupeName('order', 'event 0 e-1')).toBe(name);
    expect(dedupeName('orders', 'event 0 e-1')).not.toBe(name);
    expect(publicRunId([`arn:aws:states:us-east-1:0:execution:order:${name}`, '2026-11-21T07:00:00.000Z'])).toBe(name);
  });
});

describe('on AWS', () => {
  test('a rule makes the message that the starter reads, with the whole event', () => {
    const { inputTemplate } = eventTargetInput('order', 2);

    // EventBridge replaces its predefined variable by the event's JSON (recorded on AWS).
    const body: unknown = JSON.parse(inputTemplate.replace('<aws.events.event.json>', JSON.stringify(EVENT)));

    expect(triggerMessageSchema.parse(body)).toEqual({ trigger: { workflow: 'order', index: 2 }, event: EVENT });
    expect(inputTemplate.match(/<[^>]*>/g)).toEqual(['<aws.events.event.json>']);
  });

  test('a schedule makes the same message as on one machine', () => {
    const text = scheduleTargetInput('order', 1, { account: '1', region: 'eu-west-1' })
      .replace('<aws.scheduler.execution-id>', 'x')
      .replace('<aws.scheduler.scheduled-time>', '2026-11-21T07:00:00Z')
      .replace('<aws.scheduler.schedule-arn>', 'arn:schedule');
    const { trigger, event } = triggerMessageSchema.parse(JSON.parse(text));

    expect(event).toEqual(
      scheduleEvent({ id: 'x', time: '2026-11-21T07:00:00Z', schedule: 'arn:schedule', account: '1', region: 'eu-west-1' }),
    );
    expect(
      triggeredStart(trigger.workflow, { schedule: 'rate(1 hour)', input: { at: '{{ .event.time }}' } }, trigger.index, event),
    ).toEqual({
      workflow: 'order',
      input: { at: '2026-11-21T07:00:00Z' },
      mode: 'schedule',
      dedupe: 'schedule 1 2026-11-21T07:00:00Z',
      request: { trigger: 1, event: 'x' },
    });
  });

  test.each([
    {},
    { trigger: { workflow: 'w', index: -1 }, event: {} },
    { trigger: { workflow: 'w', index: 0 }, event: [] },
    { trigger: { workflow: 'w', index: 0 }, event: {}, more: 1 },
  ])('%j is no message of a trigger', (message) => {
    expect(triggerMessageSchema.safeParse(message).success).toBe(false);
  });
});

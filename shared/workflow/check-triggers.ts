// Triggers: what EventBridge takes as a pattern or schedule, and what their input may be made of.

import type { CheckContext } from './check-context.ts';
import { eventPathOf } from './event-path.ts';
import type { Template } from './model.ts';
import type { Reporter } from './reporter.ts';
import { keySpan, valueSpan } from './sources.ts';
import { didYouMean } from './suggest.ts';
import { childOf, type YamlNode } from './yaml-tree.ts';

/** Fields of an event (EventBridge: "Events structure"). */
const EVENT_FIELDS = ['source', 'detail-type', 'detail', 'account', 'region', 'resources', 'time', 'id', 'version', '$or'];
/** `rate(1 minute)`, `rate(5 minutes)`: the unit is plural but for 1. */
const RATE = /^rate\((?:1 (?:minute|hour|day)|(?:[2-9]|[1-9]\d{1,4}) (?:minutes|hours|days))\)$/;
/** Minutes, hours, day of month, month, day of week, year; one of the two days is `?`. */
const CRON = /^cron\(((?:[^\s()]+ ){5}[^\s()]+)\)$/;

/** Checks every trigger. */
export function checkTriggers({ workflow, sources, reporter }: CheckContext): void {
  for (const trigger of workflow.triggers) {
    checkInput(trigger.input, reporter);
    if (trigger.kind === 'schedule') {
      const fault = scheduleFault(trigger.schedule);
      if (fault !== null)
        reporter.report('MST2212', valueSpan(sources, trigger, 'schedule'), fault, 'write "rate(5 minutes)" or "cron(0 12 * * ? *)"');
      continue;
    }
    if (trigger.dedupe !== null && eventPathOf(trigger.dedupe) === null)
      reporter.report('MST2212', trigger.dedupe.span, '`dedupe` is a path into the event', 'write "{{ .event.detail.id }}"');
    checkPattern(sources.get(trigger) ?? null, reporter);
    if (Object.keys(trigger.pattern).length === 0)
      reporter.report(
        'MST2212',
        keySpan(sources, trigger, 'event'),
        'the pattern is empty and would match every event',
        'say at least `source` or `detail-type`',
      );
  }
}

function checkPattern(node: YamlNode | null, reporter: Reporter): void {
  const event = childOf(node, 'event');
  if (event?.kind !== 'map') return;
  for (const { key, keySpan: span, value } of event.entries) {
    if (!EVENT_FIELDS.includes(key))
      reporter.report(
        'MST2212',
        span,
        `events have no field "${key.slice(0, 60)}"`,
        didYouMean(key, EVENT_FIELDS) ?? 'fields of your own are inside `detail`',
      );
    else checkMatcher(value, key, reporter);
  }
}

/** Leaves of a pattern are lists of values or of matchers. */
function checkMatcher(node: YamlNode, key: string, reporter: Reporter): void {
  if (node.kind === 'map') {
    for (const { key: inner, value } of node.entries) checkMatcher(value, inner, reporter);
  } else if (node.kind === 'scalar') {
    reporter.report(
      'MST2212',
      node.span,
      `"${key.slice(0, 60)}": a pattern lists the values that match`,
      `write [${node.written.slice(0, 60)}]`,
    );
  } else if (node.items.length === 0)
    reporter.report('MST2212', node.span, `"${key.slice(0, 60)}": an empty list matches nothing`, 'list the values that match');
}

function scheduleFault(schedule: string): string | null {
  if (RATE.test(schedule)) return null;
  const fields = CRON.exec(schedule)?.[1]?.split(' ');
  if (fields === undefined)
    return /^rate\(/.test(schedule)
      ? 'the rate is not one that EventBridge takes (1 has a singular unit, other numbers a plural)'
      : 'the schedule is neither a rate nor a cron expression of six fields';
  return (fields[2] === '?') === (fields[4] === '?') ? 'exactly one of day of month and day of week is "?" in a cron expression' : null;
}

function checkInput(template: Template | null, reporter: Reporter): void {
  if (template === null || template.kind === 'literal') return;
  if (template.kind === 'list') for (const item of template.items) checkInput(item, reporter);
  else if (template.kind === 'object') for (const [, value] of template.entries) checkInput(value, reporter);
  else if (template.kind === 'text' || eventPathOf(template.expr) === null) {
    reporter.report(
      'MST2212',
      template.span,
      "a trigger's input may hold paths into the event as whole values only",
      'write "{{ .event.detail.id }}"; compute in a `set` step',
    );
  }
}

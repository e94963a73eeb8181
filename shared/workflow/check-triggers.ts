// Triggers: what EventBridge takes as a pattern or schedule, and what their input may be made of.

import { type PatternFault, patternFaults, scheduleFaults } from '../eventbridge/index.ts';
import type { CheckContext } from './check-context.ts';
import { eventPathOf } from './event-path.ts';
import type { Expr, Span, Template, Trigger } from './model.ts';
import type { Reporter } from './reporter.ts';
import { keySpan, valueSpan } from './sources.ts';
import { didYouMean } from './suggest.ts';
import { childOf, entryOf, type MapNode, nodeAt, type YamlNode } from './yaml-tree.ts';

/** Fields of an event (EventBridge: "Events structure"). */
const EVENT_FIELDS = ['source', 'detail-type', 'detail', 'account', 'region', 'resources', 'time', 'id', 'version'];

/** Checks every trigger. */
export function checkTriggers({ workflow, sources, reporter }: CheckContext): void {
  for (const trigger of workflow.triggers) {
    checkInput(trigger.input, trigger.kind, reporter);
    if (trigger.kind === 'schedule') {
      for (const fault of scheduleFaults(trigger.schedule))
        reporter.report('MST2212', valueSpan(sources, trigger, 'schedule'), fault, 'write "rate(5 minutes)" or "cron(0 12 * * ? *)"');
      continue;
    }
    if (trigger.dedupe !== null) checkPath(trigger.dedupe, trigger.dedupe.span, '`dedupe` is a path into the event', 'event', reporter);
    if (Object.keys(trigger.pattern).length === 0)
      reporter.report(
        'MST2212',
        keySpan(sources, trigger, 'event'),
        'the pattern is empty and would match every event',
        'say at least `source` or `detail-type`',
      );
    else checkPattern(childOf(sources.get(trigger) ?? null, 'event'), trigger.pattern, reporter);
  }
}

function checkPattern(node: YamlNode | null, pattern: Extract<Trigger, { kind: 'event' }>['pattern'], reporter: Reporter): void {
  if (node?.kind !== 'map') return;
  checkFields(node, reporter);
  for (const fault of patternFaults(pattern)) reporter.report('MST2212', spanOf(node, fault), fault.message, hintFor(fault));
}

/** A pattern on a field that no event has is taken by EventBridge, and never matches. */
function checkFields(node: MapNode, reporter: Reporter): void {
  for (const { key, keySpan: span, value } of node.entries) {
    if (key === '$or') {
      if (value.kind === 'list') for (const branch of value.items) if (branch.kind === 'map') checkFields(branch, reporter);
    } else if (!EVENT_FIELDS.includes(key.split('.', 1)[0] ?? '')) {
      reporter.report(
        'MST2212',
        span,
        `events have no field "${key.slice(0, 60)}"`,
        didYouMean(key, [...EVENT_FIELDS, '$or']) ?? 'fields of your own are inside `detail`',
      );
    }
  }
}

function spanOf(node: YamlNode, { path, unknown }: PatternFault): Span {
  const key = unknown ? entryOf(nodeAt(node, path.slice(0, -1)), unknown.name)?.keySpan : undefined;
  return key ?? nodeAt(node, path).span;
}

function hintFor({ unknown, hint }: PatternFault): string | undefined {
  return unknown ? (didYouMean(unknown.name, unknown.known) ?? `write one of ${unknown.known.join(', ')}`) : hint;
}

function checkInput(template: Template | null, kind: Trigger['kind'], reporter: Reporter): void {
  if (template === null || template.kind === 'literal') return;
  if (template.kind === 'list') for (const item of template.items) checkInput(item, kind, reporter);
  else if (template.kind === 'object') for (const [, value] of template.entries) checkInput(value, kind, reporter);
  else {
    const message = "a trigger's input may hold paths into the event as whole values only";
    if (template.kind === 'expr') checkPath(template.expr, template.span, message, kind, reporter);
    else reporter.report('MST2212', template.span, message, 'write "{{ .event.detail.id }}"; compute in a `set` step');
  }
}

function checkPath(expr: Expr, span: Span, message: string, kind: Trigger['kind'], reporter: Reporter): void {
  const path = eventPathOf(expr);
  if (path === null) return reporter.report('MST2212', span, message, 'write "{{ .event.detail.id }}"; compute in a `set` step');
  const [field, ...inside] = path;
  if (field === undefined) return;
  if (!EVENT_FIELDS.includes(field))
    reporter.report(
      'MST2212',
      span,
      `events have no field "${field.slice(0, 60)}"`,
      didYouMean(field, EVENT_FIELDS) ?? 'fields of your own are inside `detail`',
    );
  else if (kind === 'schedule' && field === 'detail' && inside.length > 0)
    reporter.report('MST2212', span, 'the event of a schedule has an empty `detail`', 'write the value itself, or use `.event.time`');
}

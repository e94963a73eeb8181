// Steps from the tree, in file order. One function per kind.

import type { Json } from '../json.ts';
import { buildMethod, buildRetry, durationOf, UNDO_RETRY } from './build-service.ts';
import { isSequence, kindOf } from './check-shape.ts';
import { parseTemplate, parseWholeExpression } from './expression/template.ts';
import type {
  CallStep,
  CheckpointStep,
  Compensate,
  Expr,
  InputSchema,
  ParallelStep,
  Retry,
  Service,
  SetStep,
  Step,
  SwitchStep,
  Template,
} from './model.ts';
import type { Reporter } from './reporter.ts';
import type { Sources } from './sources.ts';
import { childOf, isTrue, itemsOf, jsonOf, numberOf, textOf, type YamlNode } from './yaml-tree.ts';

const DEFAULT_CONCURRENCY = 10;
/** A state machine of 1 MB holds about half as many; beyond it the checks would only cost time. */
const MAX_STEPS = 2_000;

/** A step's retry where it leaves something out takes the service's. */
export interface StepBuilder {
  services: ReadonlyMap<string, Service>;
  sources: Sources;
  reporter: Reporter;
  /** Steps counted so far. */
  count: number;
}

/** Builds a list of steps; nodes that are no steps are left out (the shape check has told them). */
export function buildSteps(builder: StepBuilder, nodes: YamlNode[]): Step[] {
  return nodes.flatMap((node) => buildStep(builder, node) ?? []);
}

function buildStep(builder: StepBuilder, node: YamlNode): Step | null {
  const number = ++builder.count;
  if (number > MAX_STEPS) {
    if (number === MAX_STEPS + 1)
      builder.reporter.report(
        'MST1109',
        node.span,
        `a workflow has at most ${MAX_STEPS} steps`,
        'move a part of them into a workflow of its own and run it with a `workflow` step',
      );
    return null;
  }
  const kind = kindOf(node);
  const when = expressionAt(builder, node, 'when');
  const base = {
    id: textOf(node, 'id') ?? `step_${number}`,
    number,
    when,
    description: textOf(node, 'description'),
    irreversible: isTrue(node, 'irreversible'),
    onError: textOf(node, 'on_error') === 'continue' ? ('continue' as const) : ('fail' as const),
    span: node.span,
  };
  const step = kind === null ? buildStandIn(node, base) : buildKind(builder, node, kind, base);
  builder.sources.set(step, node);
  return step;
}

type Base = Pick<CallStep, 'id' | 'number' | 'when' | 'description' | 'irreversible' | 'onError' | 'span'>;

function buildKind(builder: StepBuilder, node: YamlNode, kind: NonNullable<ReturnType<typeof kindOf>>, base: Base): Step {
  const output = textOf(node, 'output');
  const input = templateAt(builder, node, 'input');
  switch (kind) {
    case 'call':
      return buildCall(builder, node, base);
    case 'parallel':
      return { ...base, kind, branches: itemsOf(node, 'parallel').map((branch) => buildBranch(builder, branch)) };
    case 'foreach': {
      const items = expressionAt(builder, node, 'foreach', 'required') ?? nothing(node);
      const steps = buildSteps(builder, itemsOf(node, 'steps'));
      return {
        ...base,
        kind,
        items,
        as: textOf(node, 'as') ?? 'item',
        concurrency: numberOf(node, 'concurrency', DEFAULT_CONCURRENCY),
        steps,
        output,
      };
    }
    case 'switch':
      return { ...base, kind, cases: itemsOf(node, 'switch').map((branch) => buildCase(builder, branch)) };
    case 'wait':
      return { ...base, kind, waitMs: durationOf(node, 'wait'), until: expressionAt(builder, node, 'until', 'required') };
    case 'set': {
      const values = childOf(node, 'set');
      return {
        ...base,
        kind,
        values: values?.kind === 'map' ? values.entries.map(({ key, value }) => [key, parseTemplate(value, builder.reporter)]) : [],
      };
    }
    case 'checkpoint':
      return buildCheckpoint(builder, node, base);
    case 'workflow':
      return {
        ...base,
        kind,
        workflow: textOf(node, 'workflow') ?? '',
        input,
        output,
        default: defaultOf(builder, node),
        compensate: buildCompensate(builder, node, null),
      };
    case 'emit': {
      const emit = childOf(node, 'emit');
      const nothingAt: Template = { span: node.span, kind: 'literal', value: null };
      return {
        ...base,
        kind,
        detailType: templateAt(builder, emit, 'detail_type') ?? nothingAt,
        detail: templateAt(builder, emit, 'detail') ?? { span: node.span, kind: 'literal', value: {} },
        compensate: buildCompensate(builder, node, null),
      };
    }
    case 'fail': {
      const fail = childOf(node, 'fail');
      return { ...base, kind, error: textOf(fail, 'error') ?? '', message: templateAt(builder, fail, 'message') };
    }
  }
}

/** For a step whose kind is not clear: makes its output's name, so that one mistake is not told again at every use of the name. */
function buildStandIn(node: YamlNode, base: Base): SetStep {
  const output = textOf(node, 'output');
  return { ...base, kind: 'set', values: output === null ? [] : [[output, { span: node.span, kind: 'literal', value: null }]] };
}

function buildCall(builder: StepBuilder, node: YamlNode, base: Base): CallStep {
  const service = textOf(node, 'service') ?? '';
  const declared = builder.services.get(service);
  const retry = childOf(node, 'retry');
  const select = childOf(node, 'select');
  return {
    ...base,
    kind: 'call',
    service,
    method: buildMethod(node, 'method', declared?.type ?? null, builder.reporter),
    input: templateAt(builder, node, 'input'),
    output: textOf(node, 'output'),
    select: select === null ? null : itemsOf(node, 'select').map((item) => (item.kind === 'scalar' ? String(item.value).split('.') : [])),
    retry: retry === null ? null : buildRetry(retry, declared?.retry ?? FALLBACK_RETRY),
    timeoutMs: durationOf(node, 'timeout'),
    await: textOf(node, 'await') === 'callback' ? 'callback' : null,
    default: defaultOf(builder, node),
    compensate: buildCompensate(builder, node, service),
  };
}

const FALLBACK_RETRY: Retry = { attempts: 1, backoff: 'exponential', initialMs: 1_000, maxMs: 30_000 };

/** `ownService` is null for steps that have none: then `compensate.service` is required, which `check-steps` tells. */
function buildCompensate(builder: StepBuilder, step: YamlNode, ownService: string | null): Compensate | null {
  const node = childOf(step, 'compensate');
  if (node?.kind !== 'map') return null;
  const service = textOf(node, 'service') ?? ownService ?? '';
  const retry = childOf(node, 'retry');
  const compensate: Compensate = {
    service,
    method: buildMethod(node, 'method', builder.services.get(service)?.type ?? null, builder.reporter),
    input: templateAt(builder, node, 'input'),
    retry: retry === null ? null : buildRetry(retry, UNDO_RETRY),
    timeoutMs: durationOf(node, 'timeout'),
    onUnknown: isTrue(node, 'on_unknown'),
    span: node.span,
  };
  builder.sources.set(compensate, node);
  return compensate;
}

function buildBranch(builder: StepBuilder, node: YamlNode): ParallelStep['branches'][number] {
  if (!isSequence(node)) return { when: null, steps: buildSteps(builder, [node]), span: node.span };
  const when = expressionAt(builder, node, 'when');
  return { when, steps: buildSteps(builder, itemsOf(node, 'steps')), span: node.span };
}

function buildCase(builder: StepBuilder, node: YamlNode): SwitchStep['cases'][number] {
  const when = expressionAt(builder, node, 'when');
  return { when, steps: buildSteps(builder, itemsOf(node, 'steps')), span: node.span };
}

function buildCheckpoint(builder: StepBuilder, step: YamlNode, base: Base): CheckpointStep {
  const node = childOf(step, 'checkpoint');
  const allow = itemsOf(node, 'allow').flatMap((item) => (item.kind === 'scalar' ? asDecision(String(item.value)) : []));
  const fields = childOf(node, 'fields');
  const onTimeout = textOf(node, 'on_timeout');
  return {
    ...base,
    kind: 'checkpoint',
    title: templateAt(builder, node, 'title') ?? { span: base.span, kind: 'literal', value: '' },
    prompt: templateAt(builder, node, 'prompt'),
    options: childOf(node, 'options') === null ? null : itemsOf(node, 'options').map(buildOption),
    fields: fields?.kind === 'map' ? asSchema(jsonOf(fields)) : null,
    allow: allow.length > 0 ? allow : ['respond'],
    timeoutMs: durationOf(node, 'timeout') ?? 0,
    onTimeout: onTimeout === 'continue' || onTimeout === 'reject' ? onTimeout : 'fail',
    default: defaultOf(builder, node),
    output: textOf(step, 'output'),
  };
}

function asDecision(text: string): CheckpointStep['allow'] {
  return text === 'approve' || text === 'edit' || text === 'reject' || text === 'respond' ? [text] : [];
}

function buildOption(node: YamlNode): { value: string; label: string } {
  if (node.kind === 'scalar') {
    const text = typeof node.value === 'string' ? node.value : node.written;
    return { value: text, label: text };
  }
  const value = textOf(node, 'value') ?? '';
  return { value, label: textOf(node, 'label') ?? value };
}

/** A schema as written; `checkShape` has looked at every key of it. */
export function asSchema(value: Json): InputSchema {
  return value as InputSchema;
}

/** `default` is a literal: it stands in for a result, and a template in it would be read as text. */
function defaultOf(builder: StepBuilder, node: YamlNode | null): Json {
  const child = childOf(node, 'default');
  if (child === null) return null;
  const template = parseTemplate(child, builder.reporter);
  if (template.kind === 'literal') return template.value;
  builder.reporter.report(
    'MST1103',
    child.span,
    '"default": expected a literal value, found a template',
    'compute the value in a `set` step with default(…)',
  );
  return null;
}

function templateAt(builder: StepBuilder, node: YamlNode | null, key: string): Template | null {
  const child = childOf(node, key);
  return child === null ? null : parseTemplate(child, builder.reporter);
}

function expressionAt(builder: StepBuilder, node: YamlNode, key: string, braces: 'optional' | 'required' = 'optional'): Expr | null {
  const child = childOf(node, key);
  return child === null ? null : parseWholeExpression(child, builder.reporter, braces);
}

function nothing(node: YamlNode): Expr {
  return { span: node.span, kind: 'literal', value: null };
}

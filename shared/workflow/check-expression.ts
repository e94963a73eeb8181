// One expression in its place: names, functions, and built-ins that exist in few places only.

import type { CheckContext } from './check-context.ts';
import type { Maker } from './check-names.ts';
import { FUNCTIONS } from './expression/functions.ts';
import type { Expr, Step } from './model.ts';
import type { ScopeChain } from './scope-chain.ts';
import { didYouMean } from './suggest.ts';
import { walkExpr } from './walk.ts';

/** Names in scope; the value says whether every way here makes it. */
export type Names = ScopeChain<'always' | 'sometimes'>;

/** What an expression may use where it stands. */
export interface Rules {
  names: Names;
  /** The step that it belongs to; null for the workflow's output and for services that nothing calls. */
  step: Step | null;
  /** Blocks around the step, outermost first. */
  parents: readonly Step[];
  /** All of a JSON value, not a part of a text. */
  whole?: boolean;
  now?: boolean;
  parseJson?: boolean;
  callbackUrl?: boolean;
  /** In `compensate`. */
  undo?: boolean;
  /** In headers, metadata or an endpoint: env. and secret. may stand alone. */
  outside?: boolean;
  /** The service whose header or endpoint it is. */
  service?: string;
}

/** Built-ins that exist everywhere a step or the output stands. */
const EVERYWHERE = ['input', 'run', 'workflow', 'timestamp', 'execution_time'];
const MEMBERS: { readonly [root: string]: readonly string[] } = { run: ['id', 'started_at'], workflow: ['name', 'version'] };
const PLACES: { readonly [root: string]: string } = {
  error: 'an undo (`compensate`)',
  item: 'the steps of a foreach',
  index: 'the steps of a foreach',
  event: 'the `input` of a trigger',
};

type Path = Extract<Expr, { kind: 'path' }>;

/** Reports everything that an expression uses and cannot. */
export function checkExpression(context: CheckContext, makers: ReadonlyMap<string, Maker[]>, expr: Expr, rules: Rules): void {
  walkExpr(expr, (inner) => {
    if (inner.kind === 'path') checkPath(context, makers, inner, rules);
    else if (inner.kind === 'call') checkCall(context, inner, rules);
    else if ((inner.kind === 'env' || inner.kind === 'secret') && !(rules.outside === true && inner === expr)) {
      const hint = `${inner.kind}.${inner.name} may stand alone in the braces of \`headers\`, \`metadata\` and \`endpoint\` of a service: elsewhere it would be written into histories`;
      context.reporter.report('MST2015', inner.span, `${inner.kind}.${inner.name} cannot be used here`, hint);
    } else if (inner.kind === 'callback_url' && !(rules.callbackUrl === true && rules.whole === true && inner === expr)) {
      context.reporter.report(
        'MST2016',
        inner.span,
        'callback.url cannot be used here',
        'it stands alone as a whole value in the `input` of a call with `await: callback`',
      );
    }
  });
}

function checkCall({ reporter }: CheckContext, call: Extract<Expr, { kind: 'call' }>, rules: Rules): void {
  const known = FUNCTIONS.get(call.name);
  if (known === undefined) {
    reporter.report(
      'MST2006',
      call.span,
      `there is no function "${call.name}"`,
      didYouMean(call.name, FUNCTIONS.keys()) ?? `the functions are: ${[...FUNCTIONS.keys()].join(', ')}`,
    );
    return;
  }
  if (call.args.length < known.min || call.args.length > known.max) {
    const expected =
      known.min === known.max
        ? `${known.min}`
        : known.max === Number.POSITIVE_INFINITY
          ? `at least ${known.min}`
          : `${known.min} to ${known.max}`;
    reporter.report(
      'MST2007',
      call.span,
      `${call.name} takes ${expected} argument${expected === '1' ? '' : 's'}, found ${call.args.length}`,
      `${known.signature}; a piped value is the first argument`,
    );
  }
  if (call.name === 'now' && rules.now !== true)
    reporter.report(
      'MST2017',
      call.span,
      'now() stands in `set` only',
      'name the time in a `set` step before and use the name: a retry then sends the same body',
    );
  if (call.name === 'parse_json' && rules.parseJson !== true) {
    reporter.report(
      'MST2018',
      call.span,
      "parse_json() stands in a call's `input`, in `headers` and in `set` only",
      'name the parsed value in a `set` step before and use the name: there a failure can be caught',
    );
  }
}

function checkPath(context: CheckContext, makers: ReadonlyMap<string, Maker[]>, path: Path, rules: Rules): void {
  const { reporter } = context;
  const { root, span } = path;
  if (EVERYWHERE.includes(root)) {
    checkMember(context, path);
    return;
  }
  const visible = rules.names.get(root);
  if (visible === 'sometimes') {
    reporter.report(
      'MST2005',
      span,
      `"${root}" is made by some branches of a switch only and is null otherwise`,
      'make it in every branch, or give it a fallback: default(…)',
    );
  }
  if (visible !== undefined || (root === 'error' && rules.undo === true)) return;
  const place = Object.hasOwn(PLACES, root) ? PLACES[root] : undefined;
  if (place !== undefined)
    reporter.report('MST2014', span, `.${root} exists in ${place} only`, 'give what you need a name that is visible here');
  else explainUnknown(context, makers, path, rules);
}

function checkMember({ reporter, workflow }: CheckContext, { root, steps, span }: Path): void {
  const first = steps[0];
  const members = Object.hasOwn(MEMBERS, root) ? MEMBERS[root] : undefined;
  if (members !== undefined && (first?.kind !== 'name' || !members.includes(first.name))) {
    const found = first?.kind === 'name' ? `.${root} has no "${first.name}"` : `.${root} is not a value by itself`;
    reporter.report('MST2013', span, found, `write ${members.map((name) => `.${root}.${name}`).join(' or ')}`);
  }
  const schema = root === 'input' ? workflow.input : null;
  if (schema?.additionalProperties !== false || first?.kind !== 'name') return;
  const properties = Object.keys(schema.properties ?? {});
  if (!properties.includes(first.name))
    reporter.report(
      'MST2021',
      span,
      `the input has no property "${first.name}", so this is always null`,
      didYouMean(first.name, properties) ?? 'add it to `input`',
    );
}

/** Why a name cannot be seen: the maker nearest to the reader's mistake decides. */
function explainUnknown(context: CheckContext, makers: ReadonlyMap<string, Maker[]>, path: Path, rules: Rules): void {
  const { reporter } = context;
  const { root, span } = path;
  const [maker] = makers.get(root) ?? [];
  if (maker === undefined) {
    const names = [...EVERYWHERE, ...(rules.undo === true ? ['error'] : []), ...rules.names.names()];
    const hint =
      didYouMean(root, names) ?? `a path begins with .input, an output or a \`set\` name; for a field of the input write .input.${root}`;
    reporter.report('MST2001', span, `nothing is called "${root}"`, hint);
    return;
  }
  const { step, parents } = maker;
  if (rules.service !== undefined && rules.step !== null) {
    reporter.report(
      'MST2019',
      span,
      `service "${rules.service}" uses .${root}, which step "${rules.step.id}" cannot see`,
      `it is made by step "${step.id}"`,
    );
  } else if (rules.undo === true) {
    reporter.report(
      'MST2012',
      span,
      `the undo of "${rules.step?.id}" cannot see .${root}, which step "${step.id}" makes`,
      'an undo sees what its own step sees, its own output and .error',
    );
  } else if (step === rules.step) {
    reporter.report(
      'MST2002',
      span,
      `.${root} is what this step itself makes`,
      step.kind === 'set' ? 'split it into two `set` steps' : 'only its `compensate` can see it',
    );
  } else if (parents.some((block) => block.kind === 'foreach' && !rules.parents.includes(block))) {
    reporter.report(
      'MST2004',
      span,
      `.${root} is made inside a foreach by step "${step.id}" and is not visible outside`,
      'give the foreach an `output`: it has the last result of every item',
    );
  } else if (
    parents.some((block) => (block.kind === 'parallel' || block.kind === 'switch') && rules.parents.includes(block)) &&
    !sameList(context, step, rules)
  ) {
    reporter.report(
      'MST2003',
      span,
      `.${root} is made in another branch by step "${step.id}"`,
      'branches do not see each other: use it after the block',
    );
  } else {
    reporter.report('MST2002', span, `.${root} is made later, by step "${step.id}"`, 'move that step before this one');
  }
}

/** True where the maker stands in a list that is around the reader, so that only the order is wrong. */
function sameList({ workflow }: CheckContext, maker: Step, rules: Rules): boolean {
  const around = [...rules.parents, ...(rules.step === null ? [] : [rules.step])];
  const lists: (readonly Step[])[] = [workflow.steps];
  for (const block of rules.parents) {
    if (block.kind === 'parallel') lists.push(...block.branches.map(({ steps }) => steps));
    else if (block.kind === 'switch') lists.push(...block.cases.map(({ steps }) => steps));
    else if (block.kind === 'foreach') lists.push(block.steps);
  }
  return lists.some((list) => list.some((step) => around.includes(step)) && containsStep(list, maker, rules.parents));
}

/** The maker is in the list itself, or in a block of it that the reader is not in. */
function containsStep(list: readonly Step[], maker: Step, readerParents: readonly Step[]): boolean {
  return list.some((step) => step === maker || (!readerParents.includes(step) && blockHolds(step, maker)));
}

function blockHolds(step: Step, maker: Step): boolean {
  if (step.kind === 'parallel')
    return step.branches.some(({ steps }) => steps.some((inner) => inner === maker || blockHolds(inner, maker)));
  if (step.kind === 'switch') return step.cases.some(({ steps }) => steps.some((inner) => inner === maker || blockHolds(inner, maker)));
  return step.kind === 'foreach' && step.steps.some((inner) => inner === maker || blockHolds(inner, maker));
}

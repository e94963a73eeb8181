// What a mocked service answers.
//
//   K1. A plain value that is neither a list nor one of the written-out forms is the answer's output.
//   K2. A list is used from its start, one entry per call of that step (a retry is a call); the last entry is used for all further calls.
//   K3. An entry with `times` is used that often. When such an entry was the last one and is used up, further calls answer null.
//   K4. `items` gives each item of the innermost foreach a list of its own; the last one stands for all further items.

import { z } from 'zod';
import type { Json } from '../../shared/json.ts';
import { parseDuration } from '../../shared/workflow/index.ts';

const json = z.json() as z.ZodType<Json>;

const duration = z.string().transform((text, context): number => {
  const delayMs = parseDuration(text);
  if (delayMs !== null) return delayMs;
  context.issues.push({ code: 'custom', message: 'expected a duration like 250ms, 30s or 1h30m', input: text });
  return z.NEVER;
});

/** What a call comes to. `delayMs` passes on the virtual clock first. */
export type Answer = { delayMs: number; times: number | null } & (
  | { kind: 'output'; output: Json }
  /** The service said no and did nothing: `Maestro.ServiceRejected`. */
  | { kind: 'reject'; status: number; message: string }
  /** `Maestro.ServiceUnavailable`; `performed: 'unknown'` when the request may have arrived. */
  | { kind: 'unavailable'; performed: 'no' | 'unknown' }
  /** The time limit passed, nobody knows what the service did: `Maestro.ServiceTimeout`. */
  | { kind: 'timeout' }
  /** Done, with an answer that cannot be read: `Maestro.BadResponse`. */
  | { kind: 'unusable' }
  /** Fails under a name of its own: for `workflow` steps and callbacks. */
  | { kind: 'fail'; error: string; message: string }
  /** A person's answer to a checkpoint. */
  | { kind: 'decision'; decision: 'approve' | 'edit' | 'reject' | 'respond'; answer: Json; by: string }
  /** Nobody answered the checkpoint or callback in time. */
  | { kind: 'timed_out' }
);

/** The answers of one step. */
export type Mock = { kind: 'answers'; answers: Answer[] } | { kind: 'items'; items: Answer[][] };

const common = { delay: duration.optional(), times: z.number().int().min(1).optional() };
type Common = { delay?: number | undefined; times?: number | undefined };

const flag = z.literal(true);
const rejection = z.union(
  [flag.transform(() => ({})), z.strictObject({ status: z.number().int().min(400).max(499).optional(), message: z.string().optional() })],
  'expected true, or {status?: 400 to 499, message?: text}',
);

/** One schema per written-out form, by the key that marks it. */
const FORMS: { [marker: string]: z.ZodType<Answer, unknown> } = {
  output: z
    .strictObject({ output: json, ...common })
    .transform(({ output, ...rest }) => ({ kind: 'output', output, ...base(rest) }) as const),
  reject: z.strictObject({ reject: rejection, ...common }).transform(
    ({ reject, ...rest }): Answer => ({
      kind: 'reject',
      status: 422,
      message: 'rejected by the mock',
      ...defined(reject),
      ...base(rest),
    }),
  ),
  unavailable: z
    .strictObject({ unavailable: z.union([flag, z.literal('unknown')], 'expected true or unknown'), ...common })
    .transform(
      ({ unavailable, ...rest }) => ({ kind: 'unavailable', performed: unavailable === true ? 'no' : 'unknown', ...base(rest) }) as const,
    ),
  timeout: z
    .strictObject({ timeout: z.literal('unknown'), ...common })
    .transform(({ timeout: _, ...rest }) => ({ kind: 'timeout', ...base(rest) }) as const),
  unusable: z
    .strictObject({ unusable: flag, ...common })
    .transform(({ unusable: _, ...rest }) => ({ kind: 'unusable', ...base(rest) }) as const),
  fail: z
    .strictObject({ fail: z.strictObject({ error: z.string().min(1), message: z.string().default('') }), ...common })
    .transform(({ fail, ...rest }) => ({ kind: 'fail', ...fail, ...base(rest) }) as const),
  decision: z
    .strictObject({
      decision: z.enum(['approve', 'edit', 'reject', 'respond']),
      answer: json.default(null),
      by: z.string().default('tester'),
      ...common,
    })
    .transform(({ decision, answer, by, ...rest }) => ({ kind: 'decision', decision, answer, by, ...base(rest) }) as const),
  timed_out: z
    .strictObject({ timed_out: flag, ...common })
    .transform(({ timed_out: _, ...rest }) => ({ kind: 'timed_out', ...base(rest) }) as const),
  delay: z.strictObject(common).transform((rest) => ({ kind: 'output', output: null, ...base(rest) }) as const),
};

/** A form is meant when an object has its marking key and nothing but keys that an answer can have. */
const ANSWER_KEYS = new Set([...Object.keys(FORMS), 'times', 'answer', 'by']);

const answerSchema: z.ZodType<Answer, unknown> = json.transform((value, context): Answer => {
  if (Array.isArray(value)) {
    context.issues.push({ code: 'custom', message: 'an answer that is a list is written {output: [...]}', input: value });
    return z.NEVER;
  }
  const form = formOf(value);
  if (form === null) return { kind: 'output', output: value, delayMs: 0, times: null };
  return passOn(form.safeParse(value), value, [], context);
});

const answerList = z.array(answerSchema).min(1);

/** Checks what stands for a step in `mocks` and `undo_mocks`. */
export const mockSchema: z.ZodType<Mock, unknown> = json.transform((value, context): Mock => {
  if (!isPerItem(value)) return { kind: 'answers', answers: answersOf(value, [], context) };
  if (value.items.length > 0) return { kind: 'items', items: value.items.map((item, index) => answersOf(item, ['items', index], context)) };
  context.issues.push({ code: 'custom', path: ['items'], message: 'expected at least one item', input: value });
  return z.NEVER;
});

/** One answer, or a list of them. */
function answersOf(value: Json, path: PropertyKey[], context: z.core.ParsePayload): Answer[] {
  if (Array.isArray(value)) return passOn(answerList.safeParse(value), value, path, context);
  return [passOn(answerSchema.safeParse(value), value, path, context)];
}

/** The parsed value, or its issues as issues of the value around it. */
function passOn<T>(parsed: z.ZodSafeParseResult<T>, input: Json, path: PropertyKey[], context: z.core.ParsePayload): T {
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues)
    context.issues.push({ code: 'custom', path: [...path, ...issue.path], message: issue.message, input });
  return z.NEVER;
}

/**
 * The answer to one call (rules K2 to K4).
 *
 * @param item number of the innermost foreach's item, 0-based; null outside of any
 * @param nth how many calls were answered before: of this item when the mock gives items, else of this step
 */
export function answerOf(mock: Mock, item: number | null, nth: number): Answer {
  const list = mock.kind === 'answers' ? mock.answers : (mock.items[Math.min(item ?? 0, mock.items.length - 1)] ?? []);
  let passed = 0;
  for (const [index, answer] of list.entries()) {
    const isLast = index === list.length - 1;
    passed += answer.times ?? (isLast ? Number.POSITIVE_INFINITY : 1);
    if (nth < passed) return answer;
  }
  return { kind: 'output', output: null, delayMs: 0, times: null };
}

function formOf(value: Json): z.ZodType<Answer, unknown> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const keys = Object.keys(value);
  if (!keys.every((key) => ANSWER_KEYS.has(key))) return null;
  // `delay` comes last: beside another marker it only delays.
  const marker = Object.keys(FORMS).find((name) => Object.hasOwn(value, name));
  return marker === undefined ? null : (FORMS[marker] ?? null);
}

function isPerItem(value: Json): value is { items: Json[] } {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).join() === 'items' &&
    Array.isArray(value['items'])
  );
}

function base({ delay, times }: Common): { delayMs: number; times: number | null } {
  return { delayMs: delay ?? 0, times: times ?? null };
}

/** Leaves out keys that are undefined, so that a spread keeps the defaults before it. */
function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, held]) => held !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

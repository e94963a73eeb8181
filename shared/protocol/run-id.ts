// A run's names: the key it has in the store, and the id that people and services see.

import { createHash } from 'node:crypto';
import type { RunRef } from './step-message.ts';

/** Executions that Maestro started under a public id: `run_` and a ULID. */
const PUBLIC_NAME = /^run_[0-9A-HJKMNP-TV-Z]{26}$/;

/** Digits of a public id, as in a ULID (Crockford's base 32). */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Key of a run in the store: names are unique only per state machine and for 90 days, so the start time belongs to it. */
export function runKey([executionArn, startTime]: RunRef | readonly [string, string]): string {
  return `${executionArn}|${startTime}`;
}

/**
 * The public id: the execution's name where Maestro gave it, else `run_` and 26 hex digits of the SHA-256 of the key.
 * The compiler emits the same rule as JSONata for `.run.id`; a test holds the two together.
 */
export function publicRunId(ref: RunRef | readonly [string, string]): string {
  const name = ref[0].slice(ref[0].lastIndexOf(':') + 1);
  if (PUBLIC_NAME.test(name)) return name;
  return `run_${createHash('sha256').update(runKey(ref)).digest('hex').slice(0, 26)}`;
}

/**
 * Name of a child's execution: at most 40 characters of the parent's public id, a dot, and 24 hex digits of the SHA-256 of the place. The
 * compiler emits the same rule as JSONata.
 */
export function childExecutionName(ref: RunRef | readonly [string, string], at: string): string {
  return `${publicRunId(ref).slice(0, 40)}.${createHash('sha256').update(at).digest('hex').slice(0, 24)}`;
}

/**
 * Public id of a run whose start may be asked for more than once: `run_` and 26 digits of the SHA-256 of the workflow's name and the text. The same
 * two are the same run, whoever asks and however often (a Standard execution of the same name starts once).
 * @param text what tells one start from another, such as the id of the event that caused it
 */
export function dedupeName(workflow: string, text: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([workflow, text]))
    .digest();
  let digits = '';
  // 26 bytes of 32, one digit each: 130 bits.
  for (let index = 0; index < 26; index++) digits += DIGITS[(hash[index] ?? 0) % DIGITS.length];
  return `run_${digits}`;
}

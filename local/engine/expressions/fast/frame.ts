// What a compiled node runs on.

import type { Env } from '../types.ts';

/** The variables that blocks of one evaluation bind; a block's prototype is the block around it. */
export interface Frame {
  readonly env: Env;
  readonly locals: { [name: string]: unknown };
}

export type Run = (input: unknown, frame: Frame) => unknown;

/** A node of jsonata's tree; the published type lacks most of it. */
export interface Node {
  type: string;
  value?: unknown;
  [member: string]: unknown;
}

/** This expression is not for the fast path: found while compiling. */
export class Unsupported extends Error {
  constructor(what: string) {
    super(`Not compiled: ${what}`);
    this.name = 'Unsupported';
  }
}

/**
 * This evaluation is not for the fast path: jsonata is asked again, and gives the value or the exact error. One object, because it is
 * only ever caught by the evaluation that threw it.
 */
export const BAIL = Object.assign(new Error('Left to jsonata'), { name: 'Bail' });

// The compiler's door.

export { type CompileOptions, type CompileResult, compile, type LimitIssue, type Needs } from './compile.ts';
export type { Stats } from './stats.ts';
export { type Substitution, substitute } from './substitute.ts';

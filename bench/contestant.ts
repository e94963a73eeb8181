// What is measured, and who can be measured.

/** The workflows that every contestant runs. All calls are HTTP POSTs to the mock service. */
export const SHAPES = {
  /** Five calls, one after the other. */
  sequence: { title: '5 in sequence', ok: 5, refused: 0 },
  /** Four calls at once, then one. */
  parallel: { title: '4 in parallel, then 1', ok: 5, refused: 0 },
  /** Four calls of which the last is refused; then the three others are undone in reverse, one after the other. */
  saga: { title: 'saga: 4 calls, the last fails, 3 undone', ok: 6, refused: 1 },
} as const;

export type Shape = keyof typeof SHAPES;
export const SHAPE_NAMES: readonly Shape[] = ['sequence', 'parallel', 'saga'];

/** What a contestant runs against. */
export interface BenchContext {
  /** The mock service: `POST /call/<n>` and `POST /undo/<n>` answer 200, `POST /refuse` answers 422. */
  mockUrl: string;
  /** A folder for whatever the contestants keep, each in a folder of its own below it; removed at the end. */
  folder: string;
}

/** One who runs workflows. Everything started in `start` is stopped in `close`. */
export interface Contestant {
  name: string;
  /** How it was set up, for the report: durability, partitions and the like. */
  setup: string;
  start(): Promise<void>;
  /** Runs one workflow to its end, undo included. Throws when it did not end as its shape should. */
  run(shape: Shape): Promise<void>;
  close(): Promise<void>;
}

export type ContestantFactory = (context: BenchContext) => Contestant;

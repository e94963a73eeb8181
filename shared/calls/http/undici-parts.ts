// The parts of undici that a call needs, without the rest of it (fetch, WebSocket, caches, mocks): that would be the most of what a function loads.
// They are files of its own, which may move with a new version; then no test of calls starts.

import type { buildConnector as BuildConnector, Pool as PoolClass } from 'undici';
// @ts-expect-error: only the whole package has types.
import connector from 'undici/lib/core/connect.js';
// @ts-expect-error: only the whole package has types.
import pool from 'undici/lib/dispatcher/pool.js';

export const buildConnector: typeof BuildConnector = connector;
export const Pool: typeof PoolClass = pool;

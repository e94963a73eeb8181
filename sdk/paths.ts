// Where the routes are.

export const API = '/api/v2';

export const RUNS = `${API}/orchestrate/run`;

/** @param id of a run or a job */
export function runPath(id: string): string {
  return `${RUNS}/${encodeURIComponent(id)}`;
}

export function workflowPath(name: string): string {
  return `${API}/workflows/${encodeURIComponent(name)}`;
}

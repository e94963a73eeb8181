import { cyan, green, red, yellow } from './style.ts';

/** A run's or a step's status in its colour. */
export function statusText(status: string, color: boolean): string {
  switch (status) {
    case 'completed':
    case 'done':
    case 'closed':
      return green(status, color);
    case 'compensated':
    case 'undone':
    case 'cancelled':
      return cyan(status, color);
    case 'failed':
    case 'compensation_failed':
    case 'undo_failed':
    case 'unresolved':
    case 'open':
      return red(status, color);
    default:
      return yellow(status, color);
  }
}

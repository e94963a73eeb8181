// What others wrote cannot act on the terminal of whoever looks at it.

import { describe, expect, test } from 'vitest';
import { createDevLog } from '../../cli/dev/dev-log.ts';
import { processIo } from '../../cli/io.ts';
import { checkpointText } from '../../cli/live/run-text.ts';
import { createStepLines } from '../../cli/live/step-lines.ts';
import { red } from '../../cli/text/style.ts';
import { table } from '../../cli/text/table.ts';
import type { Checkpoint } from '../../sdk/index.ts';

/** Clears the screen, writes a line of its own, and turns the direction of writing. */
const EVIL = 'a\u001b[2J\u001b[8m\n\r\u009b1A\u0007\u202eb';
const SHOWN = 'a\ufffd[2J\ufffd[8m\ufffd\ufffd\ufffd1A\ufffd\ufffdb';

describe('control characters', () => {
  test('of a checkpoint, which may quote the input of the run, are shown as what they are not', () => {
    const checkpoint: Checkpoint = {
      id: 'chk_1',
      step_id: 'ask',
      title: EVIL,
      prompt: EVIL,
      options: [{ value: EVIL, label: `${EVIL}!` }],
      fields: { properties: { [EVIL]: {} } },
      allow: ['approve'],
      assets: [],
      opened_at: '2026-01-01T00:00:00.000Z',
      expires_at: '2026-01-01T00:00:00.000Z',
    };

    const lines = checkpointText('run_1', checkpoint, false).split('\n');

    expect(lines.slice(0, 3)).toEqual([`? ${SHOWN}`, `  ${SHOWN}`, `  ${SHOWN}  ${SHOWN}!`]);
    expect(lines.join('')).not.toMatch(/\p{Cc}/u);
  });

  test('of a table, such as the name of a key, are; our own colours are kept', () => {
    expect(table([[red(EVIL, true), 'next']])).toBe(`\u001b[31m${SHOWN}\u001b[39m  next\n`);
  });

  test('of an event and of a message that quotes a service are', () => {
    let said = '';
    const log = createDevLog({ ...processIo(), err: (text) => (said += text), color: { out: false, err: false } }, false);

    log.problem(`first\n${EVIL.replace('\n', '')}`);
    const [line] = createStepLines(false).take({ n: 1, atMs: 0, type: 'step.failed', step: 's', at: '0001', error: EVIL });
    log.close();

    expect(said).toBe(`problem first\n${SHOWN.replace('[8m\ufffd', '[8m')}\n`);
    expect(line).toContain(SHOWN);
  });
});

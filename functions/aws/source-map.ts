// Where a frame of a bundle's stack was written. The map is read with the first error: reading it at the start, as `--enable-source-maps` does, is
// a quarter of a function's start.

import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

const FRAME = /^(at .*?)\(?(file:\/\/[^()\s]+):(\d+):(\d+)\)?$/;

const maps = new Map<string, SourceMap | undefined>();

/** `at name (file:///…/index.mjs:1:2345)` as `at name (functions/step/undo.ts:12:3)`; as it is where there is no map of it. */
export function originalFrame(frame: string): string {
  const [, name, url = '', line, column] = FRAME.exec(frame) ?? [];
  if (name === undefined) return frame;
  const entry = mapOf(url)?.findEntry(Number(line) - 1, Number(column) - 1);
  if (!entry || !('originalSource' in entry)) return frame;
  return `${name}(${entry.originalSource.replace(/^(?:\.\.\/)+/, '')}:${entry.originalLine + 1}:${entry.originalColumn + 1})`;
}

function mapOf(url: string): SourceMap | undefined {
  if (!maps.has(url)) maps.set(url, readMap(url));
  return maps.get(url);
}

function readMap(url: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, 'utf8')));
  } catch {
    return undefined;
  }
}

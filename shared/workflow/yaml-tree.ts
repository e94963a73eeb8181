// The file as a tree of values that know where they stand. Made by `read-yaml.ts`, read by everything that builds or checks.

import { type Json, type JsonObject, setOwn } from '../json.ts';
import type { Span } from './model.ts';

export interface MapNode {
  kind: 'map';
  span: Span;
  entries: MapEntry[];
}

export interface MapEntry {
  key: string;
  keySpan: Span;
  value: YamlNode;
}

export interface ListNode {
  kind: 'list';
  span: Span;
  items: YamlNode[];
}

export interface ScalarNode {
  kind: 'scalar';
  span: Span;
  value: null | boolean | number | string;
  /** As written, for scalars that are not text: `1.0` stays `1.0`. */
  written: string;
  /** Offset in the file of each index of a text value. */
  at: (index: number) => number;
}

export type YamlNode = MapNode | ListNode | ScalarNode;

/** Up to this many entries a search is as quick as an index. */
const SMALL_MAP = 32;
const INDEXES = new WeakMap<MapNode, Map<string, MapEntry>>();

/** The value of a key, or null where the node is no map or has no such key. */
export function entryOf(node: YamlNode | null, key: string): MapEntry | null {
  if (node?.kind !== 'map') return null;
  if (node.entries.length <= SMALL_MAP) return node.entries.find((entry) => entry.key === key) ?? null;
  let index = INDEXES.get(node);
  if (index === undefined) {
    index = new Map(node.entries.map((entry) => [entry.key, entry]));
    INDEXES.set(node, index);
  }
  return index.get(key) ?? null;
}

/** The node of a key. */
export function childOf(node: YamlNode | null, key: string): YamlNode | null {
  return entryOf(node, key)?.value ?? null;
}

/** The text of a key; null where it is missing or no text. */
export function textOf(node: YamlNode | null, key: string): string | null {
  const child = childOf(node, key);
  return child?.kind === 'scalar' && typeof child.value === 'string' ? child.value : null;
}

/** The items of a list at a key; empty where it is missing or no list. */
export function itemsOf(node: YamlNode | null, key: string): YamlNode[] {
  const child = childOf(node, key);
  return child?.kind === 'list' ? child.items : [];
}

/** True for the value `true` at a key. */
export function isTrue(node: YamlNode | null, key: string): boolean {
  const child = childOf(node, key);
  return child?.kind === 'scalar' && child.value === true;
}

/** The number at a key, or the default. */
export function numberOf(node: YamlNode | null, key: string, otherwise: number): number {
  const child = childOf(node, key);
  return child?.kind === 'scalar' && typeof child.value === 'number' ? child.value : otherwise;
}

/** The node as plain JSON. `__proto__` and the like become own keys. */
export function jsonOf(node: YamlNode): Json {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(jsonOf);
  const object: JsonObject = {};
  for (const entry of node.entries) setOwn(object, entry.key, jsonOf(entry.value));
  return object;
}

/** The node at a path of keys and indexes, or the deepest that exists on the way. */
export function nodeAt(root: YamlNode, path: readonly PropertyKey[]): YamlNode {
  let node = root;
  for (const part of path) {
    const next = node.kind === 'list' ? node.items[Number(part)] : childOf(node, String(part));
    if (next === undefined || next === null) return node;
    node = next;
  }
  return node;
}

/** Where an offset stands in the document: `steps[2].compensate.method`; empty for the top. */
export function pathAt(root: YamlNode | null, offset: number): string {
  let path = '';
  let node = root;
  while (node !== null) {
    let next: YamlNode | null = null;
    if (node.kind === 'list') {
      const index = node.items.findIndex((item) => holds(item.span, offset));
      if (index >= 0) [next, path] = [node.items[index] ?? null, `${path}[${index}]`];
    } else if (node.kind === 'map') {
      const entry = node.entries.find(({ keySpan, value }) => holds(keySpan, offset) || holds(value.span, offset));
      if (entry !== undefined) {
        path += /^[A-Za-z_][\w-]*$/.test(entry.key) ? `${path === '' ? '' : '.'}${entry.key}` : `[${JSON.stringify(entry.key)}]`;
        next = holds(entry.value.span, offset) ? entry.value : null;
      }
    }
    node = next;
  }
  return path;
}

function holds(span: Span, offset: number): boolean {
  return offset >= span.start && (offset < span.end || span.start === span.end);
}

// Takes secrets out of what a service answered. A service may echo the header that it was sent; no value of `secret.NAME`, and
// none of `env.NAME` that is sent, may reach a record, an error or a history that way.

import { isJsonObject, type Json, type JsonObject, setOwn } from '../json.ts';

/** A shorter text would be found by accident in ordinary answers, and is no secret worth the name. */
const MIN_SECRET_CHARS = 6;

/**
 * Replaces every secret in a text by its name (`[secret.NAME]`, `[env.NAME]`), as it stands and in the ways that a service would write it:
 * inside JSON, percent-encoded, and in base64 (Basic authorization).
 * @param secrets Name to value, longer values first.
 */
export function redact(text: string, secrets: ReadonlyMap<string, string>): string {
  if (secrets.size === 0) return text;
  let clean = text;
  for (const [name, value] of secrets) {
    if (value.length < MIN_SECRET_CHARS) continue;
    for (const form of formsOf(value)) if (clean.includes(form)) clean = clean.replaceAll(form, `[${name}]`);
  }
  return clean;
}

/** The same in every text of a JSON value, names of fields included. The value itself where there is nothing to replace. */
export function redactJson(value: Json, secrets: ReadonlyMap<string, string>): Json {
  if (secrets.size === 0) return value;
  if (typeof value === 'string') return redact(value, secrets);
  if (Array.isArray(value)) return value.map((item) => redactJson(item, secrets));
  if (!isJsonObject(value)) return value;
  const clean: JsonObject = {};
  for (const [key, item] of Object.entries(value)) setOwn(clean, redact(key, secrets), redactJson(item, secrets));
  return clean;
}

function formsOf(value: string): Set<string> {
  const inJson = JSON.stringify(value).slice(1, -1);
  // A service may quote in its JSON what is JSON already.
  const inJsonTwice = JSON.stringify(inJson).slice(1, -1);
  const base64 = Buffer.from(value).toString('base64');
  // A header's value is received without the blanks around it.
  const trimmed = value.trim();
  const received = trimmed.length < MIN_SECRET_CHARS ? value : trimmed;
  return new Set([value, received, inJson, inJsonTwice, inJson.replaceAll('/', '\\/'), encodeURIComponent(value), base64]);
}

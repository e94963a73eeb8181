// Every diagnostic of the language: MST1xxx text, MST2xxx meaning. A code is never reused and never changes its meaning.
// The sentence here says what is wrong in general and what to do; the message of a diagnostic says what was found where.

import type { Severity } from './diagnostics.ts';

export interface CatalogueEntry {
  severity: Severity;
  title: string;
  /** What it means and what to do. */
  help: string;
}

function error(title: string, help: string): CatalogueEntry {
  return { severity: 'error', title, help };
}

function warning(title: string, help: string): CatalogueEntry {
  return { severity: 'warning', title, help };
}

function hint(title: string, help: string): CatalogueEntry {
  return { severity: 'hint', title, help };
}

const ENTRIES = {
  // ---- the text as YAML
  MST1001: error('Not valid YAML', 'The text cannot be read as YAML. Mend the first of these; the later ones often follow from it.'),
  MST1002: error('File too large', 'A workflow file has at most 1 MB. Split it into `workflow` steps.'),
  MST1003: error('Anchors expand too far', 'Aliases make the file more than ten times as long as it is written. Write values out.'),
  MST1004: error('Duplicate key', 'A key stands twice in one map; one of the two would be lost. Remove or rename one.'),
  MST1005: error('Several documents', 'A file holds one workflow. Move what follows `---` to a file of its own.'),
  MST1006: error('Tags are not supported', 'YAML tags (`!name`) have no meaning here. Remove the tag.'),
  MST1007: error('Merge keys are not supported', '`<<` is not part of YAML 1.2. Write the keys out, or alias a whole value.'),
  MST1008: error('Template without quotes', 'YAML reads `{{ … }}` without quotes as a map. Put it in quotes.'),
  MST1009: error('Unknown alias', 'An alias must follow the anchor that it names.'),
  MST1010: error('Key is no text', 'Keys are texts; lists and maps cannot be keys.'),
  MST1011: error(
    'Number not exact',
    'Whole numbers beyond 2^53, infinity and NaN cannot be kept exactly. Quote them to keep them as text.',
  ),
  MST1012: error('No workflow in the file', 'The file must be a map with `name`, `version` and `steps`.'),
  MST1013: error('Nested too deep', 'Lists and maps may be nested 64 deep. Move inner steps to a workflow of their own.'),
  MST1014: error('Character that cannot stand in a file', 'The file holds a control character or was not saved as UTF-8.'),
  // ---- the shape
  MST1101: error('Unknown key', 'The key has no meaning here. Mind the spelling and the indentation.'),
  MST1102: error('Missing key', 'A key that is required is not there.'),
  MST1103: error('Wrong type', 'The value has another type than this key wants.'),
  MST1104: error('Value not allowed', 'This key takes one of a few values.'),
  MST1105: error('Not a name', 'Names, ids and outputs have letters, digits and underscores only (ids and workflow names also hyphens).'),
  MST1106: error('Not a duration', 'Durations have units: 250ms, 30s, 5m, 1h30m.'),
  MST1107: error('Out of range', 'The number or duration is smaller or larger than this key allows.'),
  MST1108: error(
    'Kind of step not clear',
    'A step has exactly one of service, parallel, foreach, switch, wait, until, set, checkpoint, workflow, emit, fail.',
  ),
  MST1109: error('Too few or too many', 'The list or map has fewer or more entries than this key allows.'),
  MST1110: error('Name not allowed for a workflow', 'A workflow name must not end in -undo: the undo machine of a workflow is called so.'),
  // ---- expressions
  MST1201: error('Not expected in an expression', 'The expression cannot be read from here on.'),
  MST1202: error('Template not closed', 'A {{ needs its }}. For a literal {{ write {{ "{{" }}.'),
  MST1203: error('Text not closed', 'A text in an expression ends with the quote that began it.'),
  MST1204: error('Empty template', 'There is no expression between the braces.'),
  MST1205: error('Expression too large', 'Expressions have limits so that the state machine can hold them. Split it with `set` steps.'),
  MST1206: error('Not a number', 'Numbers are decimal and at most 2^53.'),
  MST1207: error('Template in a key', 'Keys are literal text.'),
  MST1208: error('Chained comparison', 'Write a < b && b < c.'),
  MST1209: error('Bare name', 'Paths begin with a dot, texts stand in quotes, functions have parentheses.'),
  MST1210: error('Duplicate key in an object', 'One of the two values would be lost.'),
  MST1211: error('Unknown escape', 'The escapes of texts are those of JSON.'),
  MST1212: error('One expression expected', 'This key takes exactly one expression.'),
  // ---- names
  MST2001: error('Unknown name', 'A path begins with `input`, an output, a `set` name, a foreach `as` or a built-in.'),
  MST2002: error('Name is made later', 'A step can use only what steps before it made. Move one of the two.'),
  MST2003: error(
    'Name is made in a sibling branch',
    'Branches of a parallel block run at once and do not see each other. Use the name after the block.',
  ),
  MST2004: error('Name is made inside a foreach', 'Names made inside a foreach are not visible outside. Give the foreach an `output`.'),
  MST2005: warning('Name is made by some branches only', 'Not every branch of the switch makes this name; it is null otherwise.'),
  MST2006: error('Unknown function', 'The function does not exist.'),
  MST2007: error('Wrong number of arguments', 'The function takes another number of arguments. A piped value is the first.'),
  MST2008: error('Unknown service', 'The step names a service that `services` does not have.'),
  MST2009: error('Duplicate step id', 'Ids are unique in the file: the state machine and the records use them.'),
  MST2010: error('Name is made twice', 'An output or set name is made once, except in several branches of one switch.'),
  MST2011: error('Reserved name', 'The name belongs to a built-in.'),
  MST2012: error('An undo cannot see this', 'An undo sees what its own step could see, its own output and .error.'),
  MST2013: error('Unknown part of a built-in', '`run` has id and started_at; `workflow` has name and version.'),
  MST2014: error('Built-in not available here', '.error exists in undo, .item and .index in a foreach, .event in triggers.'),
  MST2015: error(
    'env or secret not allowed here',
    'They may stand alone in the braces of headers, metadata and endpoint only; elsewhere they would be written into histories.',
  ),
  MST2016: error('callback.url not allowed here', 'It stands alone in its braces in the `input` of a call with `await: callback`.'),
  MST2017: error('now() outside of set', 'A retry must send the same body. Name the time in a `set` step and use the name.'),
  MST2018: error(
    'parse_json() not allowed here',
    'It can fail, so it stands in `input`, `headers` and `set` only, where the failure is caught.',
  ),
  MST2019: error('A header uses what its step cannot see', 'Headers of a service are resolved at each step that calls it.'),
  MST2020: warning('Service is not used', 'No step calls this service.'),
  MST2021: warning('Not a property of the input', 'The `input` schema has no such property and allows no others.'),
  // ---- services and methods
  MST2101: error('Not an HTTP method', 'Write "VERB /path", "/path" (POST) or a bare name.'),
  MST2102: error('Unknown HTTP verb', 'GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS are known.'),
  MST2103: error('Not a gRPC method', 'Write a bare name, or package.Service/Method.'),
  MST2104: error('gRPC types missing', 'A native gRPC call needs `proto` or `reflection: true` on its service.'),
  MST2105: error('Method missing', 'HTTP and gRPC calls need a `method`.'),
  MST2106: error(
    'Key does not belong to this type of service',
    'headers: http; metadata, tls, proto and reflection: grpc; allow_hosts: all.',
  ),
  MST2107: error('Not an endpoint', 'http: an http(s) URL; grpc: host:port; lambda: a function name or ARN.'),
  MST2108: error('Host from a template', 'A template may fill the host only where the service lists allow_hosts, or from env. and secret.'),
  MST2109: error('Not a header', 'Header names are tokens; names that Maestro sets itself and line breaks are refused.'),
  // ---- steps
  MST2201: error('Undo without a service', 'This step has no service of its own: `compensate` must name one.'),
  MST2202: error('Irreversible and yet undone', 'A step has `compensate` or says irreversible: true, not both.'),
  MST2203: error('Callback without a timeout', 'A wait for an answer needs an end.'),
  MST2204: error('Checkpoint that cannot work', 'What it asks for and what it allows do not fit together.'),
  MST2205: error('Switch branch without a condition', 'Every branch but the last has `when`.'),
  MST2206: warning('Default that is never used', '`default` is what the output becomes when on_error: continue lets a failure go.'),
  MST2207: error('Capability steps are not available yet', 'Call the provider as a service.'),
  MST2208: error('Deadline shorter than the waits', 'The waits on the longest path alone take longer than the workflow may.'),
  MST2209: error(
    'Not possible in an express workflow',
    'Express workflows are short, have no waits for people, callbacks or children, and undo only idempotent services.',
  ),
  MST2210: warning('Step is never reached', 'A `fail` step before it ends the run.'),
  MST2211: error('Input schema that cannot work', 'The schema contradicts itself or uses a pattern that is refused.'),
  MST2212: error('Trigger that cannot work', 'The pattern, the schedule or the input of the trigger is not what EventBridge takes.'),
  MST2213: error('Retry that contradicts itself', '`max` is the longest pause, `initial` the first.'),
  MST2214: error('Not a path to select', 'Paths in `select` are names joined by dots.'),
  MST2215: error('Not an error name', 'Names are letters, digits, dots and underscores; Maestro. and States. are taken.'),
  MST2216: warning('Checkpoint offers what nobody can answer', '`options` and `fields` are for the decisions respond and edit.'),
  // ---- several files
  MST2301: error('Unknown workflow', 'A `workflow` step names a workflow that is not there.'),
  MST2302: error('Workflows call each other in a circle', 'A run would never end.'),
  MST2303: error('Two files with one name', 'Workflow names are unique.'),
  // ---- advice
  MST2901: hint(
    'Parallel call that can take the others with it',
    'A failed call fails its block. With on_error: continue the others still give their results.',
  ),
  MST2902: hint(
    'Undo that skips unknown outcomes',
    'Without on_unknown: true, a step whose outcome is unknown is not undone but listed as unresolved.',
  ),
} satisfies { [code: string]: CatalogueEntry };

export type DiagnosticCode = keyof typeof ENTRIES;

/** Every code with its severity, title and help. */
export const CATALOGUE: { readonly [Code in DiagnosticCode]: CatalogueEntry } = ENTRIES;

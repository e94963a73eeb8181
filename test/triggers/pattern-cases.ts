// What EventBridge answers for a pattern and an event: the documentation's rules, and behaviour that is known from recordings of AWS.
// A case: what it shows, the pattern, then events that match and events that do not.

import type { Json, JsonObject } from '../../shared/json.ts';

export interface PatternCase {
  rule: string;
  pattern: JsonObject;
  yes?: JsonObject[];
  no?: JsonObject[];
}

/** A pattern on `detail.f`, and values of that field. */
function field(rule: string, matchers: Json[], yes: Json[], no: Json[]): PatternCase {
  const event = (value: Json): JsonObject => ({ detail: { f: value } });
  return { rule, pattern: { detail: { f: matchers } }, yes: yes.map(event), no: no.map(event) };
}

/** Values of every type, none of them "a" or 7. */
const OTHERS: Json[] = ['b', '', null, true, false, 0, 8, -1.5];

export const PATTERN_CASES: PatternCase[] = [
  // ---- exact values
  field('a text matches itself, letter case included', ['Ready'], ['Ready'], ['ready', 'Ready ', 'Read', '', null, true, 5]),
  field('one of several texts is enough', ['a', 'b'], ['a', 'b'], ['c', 'ab']),
  field('the empty text matches the empty text only', [''], [''], [' ', null, 0, false]),
  field('a text with signs of every kind matches itself', ['a"b\\c🚀 *'], ['a"b\\c🚀 *'], ['a"b\\c🚀 x']),
  field('a number matches the same number in any spelling', [300], [300, 3e2], [301, '300', 300.5]),
  field('a number is no text, a text no number', ['7'], ['7'], [7]),
  field('fractions and negative numbers are exact', [-0.25], [-0.25], [0.25, -0.2]),
  field('account numbers are exact', [123456789012], [123456789012], [123456789013, '123456789012']),
  field('true matches true only', [true], [true], [false, 'true', 1, null]),
  field('false matches false only', [false], [false], [true, 'false', 0, null]),
  field('null matches null only, not a missing field and not its name', [null], [null], ['null', '', 0, false, []]),
  field('values of several types may be listed together', ['a', 7, null, true], ['a', 7, null, true], ['b', 8, false]),
  field(
    'an address matches the same address in another spelling',
    ['2001:db8::1'],
    ['2001:db8::1', '2001:0DB8:0:0:0:0:0:1'],
    ['2001:db8::2'],
  ),
  field('`exactly` is a text', [{ exactly: 'a' }], ['a'], ['b', 'A']),
  // ---- shape of the event
  {
    rule: 'every field of the pattern must match',
    pattern: { source: ['s'], 'detail-type': ['t'] },
    yes: [{ source: 's', 'detail-type': 't' }],
    no: [{ source: 's' }, { source: 's', 'detail-type': 'u' }],
  },
  { rule: 'fields that the pattern does not name do not matter', pattern: { source: ['s'] }, yes: [{ source: 's', detail: { a: 1 } }] },
  { rule: 'names are case-sensitive', pattern: { Source: ['s'] }, no: [{ source: 's' }] },
  {
    rule: 'nested fields are found by their path',
    pattern: { detail: { a: { b: { c: ['x'] } } } },
    yes: [{ detail: { a: { b: { c: 'x' } } } }],
    no: [{ detail: { a: { b: 'x' } } }, { detail: { c: 'x' } }],
  },
  { rule: 'a text that holds JSON is a text', pattern: { detail: { a: ['x'] } }, no: [{ detail: '{"a":"x"}' }] },
  { rule: 'an object is no value', pattern: { detail: { a: ['x'] } }, no: [{ detail: { a: { x: 'x' } } }] },
  {
    rule: 'dots in a name of the event stand for nesting',
    pattern: { detail: { a: { b: ['x'] } } },
    yes: [{ detail: { 'a.b': 'x' } }],
    no: [{ detail: { 'a.b': { b: 'x' } } }],
  },
  {
    rule: 'dots in a name of the pattern stand for nesting',
    pattern: { detail: { 'a.b': ['x'] } },
    yes: [{ detail: { a: { b: 'x' } } }],
    no: [{ detail: { a: 'x' } }],
  },
  {
    rule: 'names like those of prototypes are plain names',
    pattern: { detail: { constructor: ['x'] } },
    yes: [{ detail: { constructor: 'x' } }],
    no: [{ detail: {} }],
  },
  // ---- lists in the event
  {
    rule: 'any item of a list may match',
    pattern: { resources: ['b', 'c'] },
    yes: [{ resources: ['a', 'b'] }],
    no: [{ resources: ['a'] }, { resources: [] }],
  },
  { rule: 'an empty list has no value, not even null', pattern: { resources: [null] }, no: [{ resources: [] }] },
  {
    rule: 'lists in lists are looked through',
    pattern: { detail: { f: ['x'] } },
    yes: [{ detail: { f: [['y'], [['x']]] } }],
    no: [{ detail: { f: [['y']] } }],
  },
  {
    rule: 'objects in a list are looked into',
    pattern: { detail: { l: { n: ['x'] } } },
    yes: [{ detail: { l: [{ n: 'y' }, { n: 'x' }] } }],
    no: [{ detail: { l: [{ n: 'y' }] } }],
  },
  {
    rule: 'two fields of objects in a list must be of one object',
    pattern: { detail: { l: { a: ['x'], b: ['y'] } } },
    yes: [{ detail: { l: [{ a: 'x' }, { a: 'x', b: 'y' }] } }],
    no: [
      { detail: { l: [{ a: 'x' }, { b: 'y' }] } },
      {
        detail: {
          l: [
            { a: 'x', b: 'z' },
            { a: 'z', b: 'y' },
          ],
        },
      },
    ],
  },
  {
    rule: 'of lists in lists, both the outer and the inner item must be the same',
    pattern: { l: { m: { a: ['x'], b: ['y'] }, c: ['z'] } },
    yes: [{ l: [{ m: [{ a: 'x', b: 'y' }], c: 'z' }] }],
    no: [{ l: [{ m: [{ a: 'x' }, { b: 'y' }], c: 'z' }] }, { l: [{ m: [{ a: 'x', b: 'y' }] }, { c: 'z' }] }],
  },
  {
    rule: 'lists of plain values match beside fields of objects',
    pattern: { tags: ['t'], l: { a: ['x'] } },
    yes: [{ tags: ['s', 't'], l: [{ a: 'y' }, { a: 'x' }] }],
    no: [{ tags: ['s'], l: [{ a: 'x' }] }],
  },
  {
    rule: 'fields of different lists are independent',
    pattern: { l: { a: ['x'] }, m: { b: ['y'] } },
    yes: [{ l: [{ a: 'w' }, { a: 'x' }], m: [{ b: 'y' }] }],
  },
  // ---- prefix and suffix
  field('a prefix is what a text begins with', [{ prefix: 'eu-' }], ['eu-west-1', 'eu-'], ['us-east-1', 'EU-west-1', 'a eu-', '', null, 5]),
  field('an empty prefix matches every text', [{ prefix: '' }], ['', 'a'], [null, 5, true]),
  field('a suffix is what a text ends with', [{ suffix: '.png' }], ['a.png', '.png'], ['a.PNG', 'a.png ', 'png', null, 1]),
  field('an empty suffix matches every text', [{ suffix: '' }], ['', 'a'], [null, 0]),
  field(
    'a prefix regardless of case',
    [{ prefix: { 'equals-ignore-case': 'EventB' } }],
    ['eventbridge', 'EVENTB', 'EvEnTb1'],
    ['event', 'xeventb', 3],
  ),
  field('a suffix regardless of case', [{ suffix: { 'equals-ignore-case': '.PnG' } }], ['a.png', 'A.PNG'], ['a.jpg', '.png.', null]),
  // ---- equals-ignore-case
  field(
    'letters are equal regardless of case',
    [{ 'equals-ignore-case': 'Alice' }],
    ['alice', 'ALICE', 'aLiCe'],
    ['alic', 'alicee', '', null, 1],
  ),
  field('the empty text regardless of case', [{ 'equals-ignore-case': '' }], [''], ['a', null]),
  field('letters beyond ASCII have cases too', [{ 'equals-ignore-case': 'größe ЖУК' }], ['GRÖSSE жук', 'Größe Жук'], ['grosse жук']),
  // ---- wildcard
  field('* stands for any text, also none', [{ wildcard: 'a*c' }], ['ac', 'abc', 'a*c', 'abcabc', 'a\nc'], ['a', 'acd', 'bac', '', 5]),
  field('a wildcard without * is the text', [{ wildcard: 'abc' }], ['abc'], ['abcd', 'ABC']),
  field('* alone matches every text', [{ wildcard: '*' }], ['', 'x'], [null, 1, true]),
  field('the empty wildcard matches the empty text', [{ wildcard: '' }], [''], ['a']),
  field(
    'several * between fixed parts',
    [{ wildcard: 'arn:*:s3:*/x*' }],
    ['arn:aws:s3:::b/x', 'arn::s3:/xyz'],
    ['arn:aws:s3:::b/y', 'arn:aws:sqs:::b/x'],
  ),
  field('a * gives back what a later part needs', [{ wildcard: '*ab*ab' }], ['abab', 'xabyabzab'], ['ab', 'aba', 'ababx']),
  field('an escaped * is the sign itself', [{ wildcard: 'a\\*b' }], ['a*b'], ['axb', 'ab', 'a\\*b']),
  field('an escaped backslash is the sign itself', [{ wildcard: 'a\\\\*' }], ['a\\', 'a\\b'], ['a', 'a*']),
  field('dots and brackets in a wildcard are plain', [{ wildcard: 'a.[b]*' }], ['a.[b]c'], ['axbc', 'a.b']),
  // ---- anything-but
  field('anything but a text: other texts and other types', [{ 'anything-but': 'a' }], OTHERS, ['a']),
  field('anything but a number: other numbers and other types', [{ 'anything-but': 7 }], [...OTHERS, '7'], [7]),
  field('anything but zero', [{ 'anything-but': 0 }], [1, '0', null, false], [0]),
  field('anything but several texts', [{ 'anything-but': ['a', 'c'] }], OTHERS, ['a', 'c']),
  field('anything but several numbers', [{ 'anything-but': [7, 9] }], OTHERS, [7, 9]),
  field('anything but needs a value', [{ 'anything-but': 'a' }], [['b']], [[], {}]),
  {
    rule: 'anything but does not match a missing field',
    pattern: { detail: { f: [{ 'anything-but': ['a'] }] } },
    no: [{ detail: {} }, {}],
  },
  field('of a list, one item that is something else is enough', [{ 'anything-but': 'a' }], [['a', 'b']], [['a', 'a']]),
  field('anything but a beginning', [{ 'anything-but': { prefix: 'in' } }], ['out', 'xin', 'In', null, 12], ['in', 'init']),
  field('anything but several beginnings', [{ 'anything-but': { prefix: ['in', 'out'] } }], ['x', null], ['inner', 'outer']),
  field('anything but an end', [{ 'anything-but': { suffix: '.txt' } }], ['a.txt.bak', '.TXT', null, 1], ['a.txt']),
  field('anything but several ends', [{ 'anything-but': { suffix: ['.txt', '.jpg'] } }], ['a.png'], ['a.txt', 'a.jpg']),
  field(
    'anything but a text regardless of case',
    [{ 'anything-but': { 'equals-ignore-case': 'Stop' } }],
    ['stopped', null, 3],
    ['STOP', 'stop'],
  ),
  field(
    'anything but several texts regardless of case',
    [{ 'anything-but': { 'equals-ignore-case': ['Stop', 'go'] } }],
    ['wait'],
    ['sToP', 'GO'],
  ),
  field('anything but a wildcard', [{ 'anything-but': { wildcard: '*/lib/*' } }], ['/usr/bin', 'lib', null, 5], ['/usr/lib/x', '/lib/']),
  field('anything but several wildcards', [{ 'anything-but': { wildcard: ['*.a', '*.b'] } }], ['x.c'], ['x.a', 'x.b']),
  field('anything but the empty wildcard', [{ 'anything-but': { wildcard: '' } }], ['a'], ['']),
  // ---- numeric
  field('numeric equality', [{ numeric: ['=', 301.8] }], [301.8, 3.018e2], [301.81, '301.8', null]),
  field('less than', [{ numeric: ['<', 10] }], [9.99, -5], [10, 11, '9', true]),
  field('at most', [{ numeric: ['<=', 10] }], [10, -1], [10.001]),
  field('more than', [{ numeric: ['>', 0] }], [0.1], [0, -1, '1']),
  field('at least', [{ numeric: ['>=', -2] }], [-2, 0], [-2.1]),
  field('a range with open ends', [{ numeric: ['>', 0, '<', 5] }], [1, 4.9], [0, 5]),
  field('a range with closed ends', [{ numeric: ['>=', 0, '<=', 5] }], [0, 5, 2], [-0.1, 5.1]),
  field('a range open below and closed above', [{ numeric: ['>', 0, '<=', 5] }], [5], [0]),
  field('several ranges', [{ numeric: ['<', 0] }, { numeric: ['>', 9] }], [-1, 10], [0, 9, 5]),
  // ---- exists
  field('exists: any value, null and the empty text too', [{ exists: true }], ['a', '', null, false, 0, ['x']], [[], {}]),
  {
    rule: 'exists: not where the field is missing',
    pattern: { detail: { f: [{ exists: true }] } },
    no: [{ detail: {} }, { detail: { g: 1 } }, {}],
  },
  { rule: 'exists sees leaves only', pattern: { detail: { f: [{ exists: true }] } }, no: [{ detail: { f: { g: 1 } } }] },
  {
    rule: 'does not exist: missing, an object, or an empty list',
    pattern: { detail: { f: [{ exists: false }] } },
    yes: [{ detail: {} }, {}, { detail: { f: { g: 1 } } }, { detail: { f: [] } }],
    no: [{ detail: { f: null } }, { detail: { f: '' } }],
  },
  {
    rule: 'absent or a value',
    pattern: { detail: { f: [{ exists: false }, 'a'] } },
    yes: [{ detail: {} }, { detail: { f: 'a' } }],
    no: [{ detail: { f: 'b' } }],
  },
  {
    rule: 'absent or anything but',
    pattern: { detail: { f: { g: [{ 'anything-but': ['x'] }, { exists: false }] } } },
    yes: [{ detail: { f: { g: 'y' } } }, { detail: { f: { h: 'x' } } }, { detail: {} }],
    no: [{ detail: { f: { g: 'x' } } }],
  },
  {
    rule: 'absence is looked for in the item that the other fields matched',
    pattern: { l: { a: ['x'], b: [{ exists: false }] } },
    yes: [{ l: [{ a: 'x' }] }, { l: [{ a: 'x' }, { b: 1 }] }],
    no: [{ l: [{ a: 'x', b: 1 }] }],
  },
  // ---- cidr
  field('an IPv4 range', [{ cidr: '10.0.0.0/24' }], ['10.0.0.0', '10.0.0.255'], ['10.0.1.0', '10.0.0.256', 'x', 5, null, '::1']),
  field('a mask within a byte', [{ cidr: '192.168.4.0/22' }], ['192.168.7.255', '192.168.4.0'], ['192.168.8.0', '192.168.3.255']),
  field('bits behind the mask do not matter', [{ cidr: '10.1.2.3/8' }], ['10.200.0.1'], ['11.1.2.3']),
  field('every IPv4 address', [{ cidr: '0.0.0.0/0' }], ['1.2.3.4'], ['2001:db8::1']),
  field(
    'an IPv6 range',
    [{ cidr: '2001:db8:1234:1a00::/56' }],
    ['2001:0db8:1234:1aff::1', '2001:db8:1234:1a00:0:0:0:0'],
    ['2001:db8:1234:1b00::', '10.0.0.1'],
  ),
  field('an IPv4 address written as IPv6 is an IPv4 address', [{ cidr: '10.0.0.0/8' }], ['::ffff:0a01:0203'], ['::ffff:0b01:0203']),
  // ---- matchers of one list
  field('one matcher of several is enough', [{ prefix: 'a' }, { suffix: 'z' }, 5], ['ab', 'yz', 5], ['b', 6]),
  field('a number or a text that is something else', [{ numeric: ['>', 100] }, { 'anything-but': '101' }], ['42', 101, 5], ['101']),
  // ---- $or
  {
    rule: 'one branch is enough',
    pattern: { detail: { $or: [{ a: [1] }, { b: [2] }] } },
    yes: [{ detail: { a: 1 } }, { detail: { b: 2, a: 9 } }],
    no: [{ detail: { a: 2, b: 1 } }, { detail: {} }],
  },
  {
    rule: 'fields beside $or must match as well',
    pattern: { source: ['s'], $or: [{ account: ['1'] }, { region: ['r'] }] },
    yes: [{ source: 's', region: 'r' }],
    no: [{ source: 't', region: 'r' }, { source: 's' }],
  },
  {
    rule: 'the fields of one branch must match together',
    pattern: { $or: [{ a: [1], b: [1] }, { c: [1] }] },
    yes: [{ a: 1, b: 1 }, { c: 1 }],
    no: [{ a: 1 }, { b: 1, c: 2 }],
  },
  {
    rule: 'branches may be nested',
    pattern: { $or: [{ a: [1], $or: [{ b: [1] }, { c: [1] }] }, { d: [1] }] },
    yes: [{ a: 1, c: 1 }, { d: 1 }],
    no: [{ a: 1 }, { b: 1, c: 1 }],
  },
  {
    rule: 'two $or at different places must both hold',
    pattern: { $or: [{ a: [1] }, { b: [1] }], detail: { $or: [{ c: [1] }, { d: [1] }] } },
    yes: [{ b: 1, detail: { c: 1 } }],
    no: [{ b: 1, detail: {} }, { detail: { d: 1 } }],
  },
  {
    rule: 'branches may look for absence',
    pattern: { $or: [{ a: [{ exists: false }] }, { b: ['x'] }] },
    yes: [{}, { a: 1, b: 'x' }],
    no: [{ a: 1, b: 'y' }],
  },
  // ---- whole events
  {
    rule: 'a state change of an instance',
    pattern: {
      source: ['aws.ec2'],
      'detail-type': ['EC2 Instance State-change Notification'],
      detail: { state: [{ 'anything-but': 'terminated' }] },
      time: [{ prefix: '2026-11-' }],
    },
    yes: [
      {
        source: 'aws.ec2',
        'detail-type': 'EC2 Instance State-change Notification',
        time: '2026-11-21T07:00:00Z',
        detail: { 'instance-id': 'i-1', state: 'running' },
      },
    ],
    no: [
      {
        source: 'aws.ec2',
        'detail-type': 'EC2 Instance State-change Notification',
        time: '2026-11-21T07:00:00Z',
        detail: { state: 'terminated' },
      },
    ],
  },
];

/** What EventBridge refuses: the pattern, and where the fault is. */
export const REFUSED: [rule: string, pattern: JsonObject, path: (string | number)[]][] = [
  ['an empty pattern', {}, []],
  ['an empty object', { detail: { a: {} } }, ['detail', 'a']],
  ['an empty list', { source: [] }, ['source']],
  ['a text that stands alone', { source: 'a' }, ['source']],
  ['a number that stands alone', { detail: { n: 42 } }, ['detail', 'n']],
  ['null that stands alone', { detail: { n: null } }, ['detail', 'n']],
  ['a list in a list', { source: [['a']] }, ['source', 0]],
  ['an unknown matcher', { source: ['a', { prefx: 'b' }] }, ['source', 1, 'prefx']],
  ['a matcher in capitals', { source: [{ EXISTS: true }] }, ['source', 0, 'EXISTS']],
  ['a matcher named like a member of a prototype', { source: [{ constructor: 'a' }] }, ['source', 0, 'constructor']],
  ['an empty matcher', { source: [{}] }, ['source', 0]],
  ['two matchers in one object', { source: [{ prefix: 'a', suffix: 'b' }] }, ['source', 0]],
  ['`exactly` without a text', { source: [{ exactly: 3 }] }, ['source', 0, 'exactly']],
  ['a prefix that is a number', { source: [{ prefix: 3 }] }, ['source', 0, 'prefix']],
  ['a prefix that is a list', { source: [{ prefix: ['a'] }] }, ['source', 0, 'prefix']],
  ['a prefix with an unknown matcher inside', { source: [{ prefix: { suffix: 'a' } }] }, ['source', 0, 'prefix', 'suffix']],
  [
    'a prefix regardless of case that is a list',
    { source: [{ prefix: { 'equals-ignore-case': ['a'] } }] },
    ['source', 0, 'prefix', 'equals-ignore-case'],
  ],
  ['a suffix that is null', { source: [{ suffix: null }] }, ['source', 0, 'suffix']],
  ['equals-ignore-case with a list', { source: [{ 'equals-ignore-case': ['a'] }] }, ['source', 0, 'equals-ignore-case']],
  ['equals-ignore-case with an object', { source: [{ 'equals-ignore-case': { prefix: 'a' } }] }, ['source', 0, 'equals-ignore-case']],
  ['a wildcard that is a number', { source: [{ wildcard: 5 }] }, ['source', 0, 'wildcard']],
  ['a wildcard that is a list', { source: [{ wildcard: ['a*'] }] }, ['source', 0, 'wildcard']],
  ['two * in a row', { source: [{ wildcard: 'a**b' }] }, ['source', 0, 'wildcard']],
  ['a backslash before a plain letter', { source: [{ wildcard: 'a\\b' }] }, ['source', 0, 'wildcard']],
  ['a backslash at the end', { source: [{ wildcard: 'a\\' }] }, ['source', 0, 'wildcard']],
  ['a wildcard whose beginnings overlap too often', { source: [{ wildcard: '*:*:*:*:*:event-bus/*' }] }, ['source', 0, 'wildcard']],
  ['many repetitions after a *', { source: [{ wildcard: '*aaaaaaaaaaaa' }] }, ['source', 0, 'wildcard']],
  ['anything-but null', { source: [{ 'anything-but': null }] }, ['source', 0, 'anything-but']],
  ['anything-but a boolean', { source: [{ 'anything-but': true }] }, ['source', 0, 'anything-but']],
  ['anything-but with texts and numbers', { source: [{ 'anything-but': ['a', 1] }] }, ['source', 0, 'anything-but']],
  ['anything-but with null in its list', { source: [{ 'anything-but': ['a', null] }] }, ['source', 0, 'anything-but']],
  ['anything-but an empty list', { source: [{ 'anything-but': [] }] }, ['source', 0, 'anything-but']],
  [
    'anything-but with an unknown matcher',
    { source: [{ 'anything-but': { numeric: ['=', 1] } }] },
    ['source', 0, 'anything-but', 'numeric'],
  ],
  ['anything-but with two matchers', { source: [{ 'anything-but': { prefix: 'a', suffix: 'b' } }] }, ['source', 0, 'anything-but']],
  ['anything-but an empty prefix', { source: [{ 'anything-but': { prefix: '' } }] }, ['source', 0, 'anything-but', 'prefix']],
  [
    'anything-but an empty suffix in a list',
    { source: [{ 'anything-but': { suffix: ['a', ''] } }] },
    ['source', 0, 'anything-but', 'suffix', 1],
  ],
  [
    'anything-but a prefix that is a number',
    { source: [{ 'anything-but': { prefix: [1, 'a'] } }] },
    ['source', 0, 'anything-but', 'prefix', 0],
  ],
  [
    'anything-but a prefix regardless of case',
    { source: [{ 'anything-but': { prefix: { 'equals-ignore-case': 'a' } } }] },
    ['source', 0, 'anything-but', 'prefix'],
  ],
  [
    'anything-but equals-ignore-case with a number',
    { source: [{ 'anything-but': { 'equals-ignore-case': 1 } }] },
    ['source', 0, 'anything-but', 'equals-ignore-case'],
  ],
  [
    'anything-but a wildcard with two * in a row',
    { source: [{ 'anything-but': { wildcard: ['a', '**'] } }] },
    ['source', 0, 'anything-but', 'wildcard', 1],
  ],
  ['anything-but an empty list of prefixes', { source: [{ 'anything-but': { prefix: [] } }] }, ['source', 0, 'anything-but', 'prefix']],
  ['numeric without a list', { detail: { n: [{ numeric: 10 }] } }, ['detail', 'n', 0, 'numeric']],
  ['numeric without a number', { detail: { n: [{ numeric: ['>'] }] } }, ['detail', 'n', 0, 'numeric', 1]],
  ['numeric with a text for a number', { detail: { n: [{ numeric: ['=', '1'] }] } }, ['detail', 'n', 0, 'numeric', 1]],
  ['numeric with an unknown sign', { detail: { n: [{ numeric: ['==', 1] }] } }, ['detail', 'n', 0, 'numeric', 0]],
  ['numeric with a number for a sign', { detail: { n: [{ numeric: [1, 2] }] } }, ['detail', 'n', 0, 'numeric', 0]],
  ['numeric with three terms', { detail: { n: [{ numeric: ['>', 0, '<'] }] } }, ['detail', 'n', 0, 'numeric']],
  ['numeric with five terms', { detail: { n: [{ numeric: ['>', 0, '<', 1, 2] }] } }, ['detail', 'n', 0, 'numeric']],
  ['a range with two lower bounds', { detail: { n: [{ numeric: ['>', 0, '>', 0] }] } }, ['detail', 'n', 0, 'numeric', 2]],
  ['a range that begins with its upper bound', { detail: { n: [{ numeric: ['<', 1, '>', 0] }] } }, ['detail', 'n', 0, 'numeric', 0]],
  ['an empty range', { detail: { n: [{ numeric: ['>', 1, '<', 1] }] } }, ['detail', 'n', 0, 'numeric']],
  ['exists with a text', { source: [{ exists: 'yes' }] }, ['source', 0, 'exists']],
  ['cidr with a list', { source: [{ cidr: ['10.0.0.0/8'] }] }, ['source', 0, 'cidr']],
  ['cidr without a mask', { source: [{ cidr: '10.0.0.0' }] }, ['source', 0, 'cidr']],
  ['cidr with two masks', { source: [{ cidr: '10.0.0.0/8/8' }] }, ['source', 0, 'cidr']],
  ['cidr with a mask that is no number', { source: [{ cidr: '10.0.0.0/x' }] }, ['source', 0, 'cidr']],
  ['an IPv4 mask of 32', { source: [{ cidr: '10.0.0.1/32' }] }, ['source', 0, 'cidr']],
  ['an IPv6 mask of 128', { source: [{ cidr: '::1/128' }] }, ['source', 0, 'cidr']],
  ['cidr with a byte beyond 255', { source: [{ cidr: '10.0.0.256/8' }] }, ['source', 0, 'cidr']],
  ['cidr with five bytes', { source: [{ cidr: '10.0.0.0.0/8' }] }, ['source', 0, 'cidr']],
  ['cidr with letters beyond f', { source: [{ cidr: 'xxxx:db8::/32' }] }, ['source', 0, 'cidr']],
  ['cidr with nine groups', { source: [{ cidr: '1:2:3:4:5:6:7:8:9/32' }] }, ['source', 0, 'cidr']],
  ['cidr with two gaps', { source: [{ cidr: '1::2::3/32' }] }, ['source', 0, 'cidr']],
  ['$or that is no list', { $or: { source: ['a'] } }, ['$or']],
  ['$or with one branch', { $or: [{ source: ['a'] }] }, ['$or']],
  ['$or with a branch that is no object', { $or: [{ source: ['a'] }, ['b']] }, ['$or', 1]],
  ['$or with an empty branch', { $or: [{ source: ['a'] }, {}] }, ['$or', 1]],
  ['a matcher for a field inside $or', { $or: [{ numeric: [1] }, { prefix: ['a'] }] }, ['$or', 0, 'numeric']],
  ['a field that is matched outside and inside $or', { source: ['a'], $or: [{ source: ['b'] }, { account: ['1'] }] }, ['$or', 0, 'source']],
  ['a field that is matched twice by its dotted name', { detail: { a: { b: ['x'] }, 'a.b': ['y'] } }, ['detail', 'a.b']],
  ['a pattern of more than 4,096 characters', { source: ['x'.repeat(4_100)] }, []],
];

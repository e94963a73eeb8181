// Functions that generated expressions define for themselves, at most once per expression, at its head: `($_1:=function(…){…};…)`.
// Their bodies read nothing but their parameters, JSONata's functions and each other, so a parameter's name cannot hide anything.
//
// Two traps of JSONata shape them. A call in tail position gives its raw result, a sequence that has not been reduced yet: where a list of
// one may come back from a call, it goes through a variable first. And a list constructor flattens the lists in it: `[$map(…)[]]`
// keeps a single result, also one that is a list, as the one element that it is.

/** Gives the variable of another helper. A string, for the table below could not name its own keys. */
type Use = (name: string) => string;

const BOTH_NUMBERS = "$type($a)='number' and $type($b)='number'";
const BOTH_TEXTS = "$type($a)='string' and $type($b)='string'";
const COMPARABLE = "$type($a) in ['number','string'] and $type($a)=$type($b)";

/** The end of the text; `$` would also match before a last line feed on some engines. */
const END = '(?![\\s\\S])';

/** JSON's numbers, with bounds within which none overflows. */
const NUMBER = `/^-?(0|[1-9][0-9]{0,99})(\\.[0-9]{1,100})?([eE](-[0-9]{1,3}|[+]?[01]?[0-9]{1,2}))?${END}/`;

/** One character: a surrogate pair or any other unit. */
const CHARACTER = '/[\\uD800-\\uDBFF][\\uDC00-\\uDFFF]|[\\s\\S]/';

const LONE_SURROGATE = '/[\\uD800-\\uDBFF](?![\\uDC00-\\uDFFF])|(^|[^\\uD800-\\uDBFF])[\\uDC00-\\uDFFF]/';

const NOT_ASCII = '/[^\\u0000-\\u007f]/';

/** The bytes 128 to 255 in base64. */
const UPPER_BYTES =
  "'gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp+goaKjpKWmp6ipqqusra6vsLGys7S1tre4ubq7vL2+v8DBwsPExcbHyMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8='";

/** `$base64encode` takes a text's UTF-8 on some engines; JSONata's JavaScript takes one byte for each character. */
const ENCODES_UTF8 = "$base64encode('\\u00e9')='w6k='";

/** Percent-encoded UTF-8 of one character beyond ASCII, for finding what is none (RFC 3629, section 4). */
const UTF8_CHARACTER =
  '/%(C[2-9A-F]|D.)%[89AB].|%E0%[AB].%[89AB].|%(E[1-9A-CEF])%[89AB].%[89AB].|%ED%[89].%[89AB].|%F0%[9AB].%[89AB].%[89AB].|' +
  '%F[1-3]%[89AB].%[89AB].%[89AB].|%F4%8.%[89AB].%[89AB]./';

export const HELPERS = {
  /** Null for a result that is no finite number. AWS shows `1/0` as the text "Infinity"; `+0` turns -0 into 0. */
  finite: () => "function($r){$r in ['Infinity','-Infinity','NaN']?null:$abs($r)<=1.7976931348623157e308?$r+0:null}",

  add: (use: Use) =>
    `function($a,$b){${BOTH_NUMBERS}?${use('finite')}($a+$b):'string' in [$type($a),$type($b)]?${use('text')}($a)&${use('text')}($b):null}`,
  subtract: (use: Use) => `function($a,$b){${BOTH_NUMBERS}?${use('finite')}($a-$b):null}`,
  multiply: (use: Use) => `function($a,$b){${BOTH_NUMBERS}?${use('finite')}($a*$b):null}`,
  divide: (use: Use) => `function($a,$b){${BOTH_NUMBERS} and $b!=0?${use('finite')}($a/$b):null}`,
  modulo: (use: Use) => `function($a,$b){${BOTH_NUMBERS} and $b!=0?${use('finite')}($a%$b):null}`,

  less: () => `function($a,$b){${COMPARABLE}?$a<$b:null}`,
  lessOrEqual: () => `function($a,$b){${COMPARABLE}?$a<=$b:null}`,
  greater: () => `function($a,$b){${COMPARABLE}?$a>$b:null}`,
  greaterOrEqual: () => `function($a,$b){${COMPARABLE}?$a>=$b:null}`,

  /** The types first: JSONata's JavaScript takes `[]` and `{"length":0}` for equal. Missing counts as null. */
  equal: () => 'function($a,$b){$a!=null?$type($a)=$type($b) and $a=$b:$not($b!=null)}',

  /** Text of a value. `$string` has 15 digits; an integer of 16 digits (an id, say) has to come out whole. */
  text: () =>
    "function($v){$v!=null?$type($v)='number' and $abs($v)>=1e15 and $abs($v)<=9007199254740991 and $floor($v)=$v?$formatBase($v):$string($v):''}",
  json: () => "function($v){$type($v)='string'?($s:=$string({'a':$v});$substring($s,5,$length($s)-6)):$exists($v)?$string($v):'null'}",

  /** `$v[$i]`: an element of a list by number, an own key of an object by text. */
  at: () =>
    "function($v,$i){$type($i)='number'?$type($v)='array' and $floor($i)=$i?$v[$i]:null:" +
    "$type($i)='string' and $type($v)='object'?$i in $keys($v)?$lookup($v,$i):null:null}",
  /** A key as a path reads it, through lists too, but own keys only. */
  get: () => "function($o,$k){($r:=$lookup($filter($o,function($x){$type($x)='object' and $k in $keys($x)}),$k);$r)}",

  length: () => "function($v){$type($v)='string'?$length($v):$type($v)='array'?$count($v):$type($v)='object'?$count($keys($v)):null}",
  trim: () => "function($v){$type($v)='string'?($m:=$match($v,/[^ \\t\\n\\r]([\\s\\S]*[^ \\t\\n\\r])?/).match;$exists($m)?$m:''):null}",
  contains: (use: Use) =>
    `function($a,$b){$type($a)='array'?$exists($filter($a,function($x){${use('equal')}($x,$b)})):${BOTH_TEXTS}?$contains($a,$b):null}`,
  startsWith: () => `function($a,$b){${BOTH_TEXTS}?$substring($a,0,$length($b))=$b:null}`,
  endsWith: () => `function($a,$b){${BOTH_TEXTS}?$length($a)>=$length($b) and $substring($a,$length($a)-$length($b))=$b:null}`,
  split: () => `function($a,$b){${BOTH_TEXTS}?$b=''?[$match($a,${CHARACTER}).match]:$split($a,$b):null}`,
  join: (use: Use) => `function($a,$b){$type($a)='array' and $type($b)='string'?$join([$map($a,${use('text')})],$b):null}`,
  replace: () => `function($a,$b,$c){${BOTH_TEXTS} and $type($c)='string' and $b!=''?$join($split($a,$b),$c):null}`,

  /** `$string` fails on a number that is not finite, which `$parse` may let through: failing here is allowed, later it is not. */
  parseJson: () => "function($v){$type($v)='string'?($p:=$parse($v);$exists($string($p))?$p:null):null}",
  number: () => `function($v){$type($v)='number'?$v:$type($v)='string'?$contains($v,${NUMBER})?$number($v)+0:null:null}`,
  /** From 2^52 on every number is whole, and shifting it by digits could overflow. */
  round: (use: Use) =>
    `function($a,$b){${BOTH_NUMBERS}?$floor($b)=$b and $abs($b)<=15?$abs($a)>=4503599627370496 and $b>=0?$a:${use('finite')}($round($a,$b)):null:null}`,

  numbers: () => "function($l){$type($l)='array' and $distinct($map($l,$type))='number'}",
  min: (use: Use) => `function($l){${use('numbers')}($l)?$min($l):null}`,
  max: (use: Use) => `function($l){${use('numbers')}($l)?$max($l):null}`,
  sum: (use: Use) => `function($l){$type($l)='array' and $count($l)=0?0:${use('numbers')}($l)?${use('finite')}($sum($l)):null}`,

  values: () => "function($v){$type($v)='object'?[$map($keys($v),function($k){$lookup($v,$k)})[]]:null}",
  /** `$merge` would take a `__proto__` for the prototype: such objects are joined as text. */
  merge: () =>
    "function($a,$b){$type($a)='object' and $type($b)='object'?'__proto__' in $keys($a) or '__proto__' in $keys($b)?" +
    "$parse('{'&$join([$map($filter([$a,$b],function($o){$exists($keys($o))}),function($o){($s:=$string($o);$substring($s,1,$length($s)-2))})],',')&'}')" +
    ':$merge([$a,$b]):null}',
  pluck: (use: Use) =>
    `function($l,$p){$type($l)='array' and $type($p)='string'?[$map($l,function($i){($r:=$reduce($split($p,'.'),${use('get')},$i);$exists($r)?$r:null)})[]]:null}`,
  range: () =>
    "function($a,$b,$s){$type($a)='number' and $type($b)='number' and $type($s)='number'?" +
    '$floor($a)=$a and $floor($b)=$b and $floor($s)=$s and $s!=0 and $max([$abs($a),$abs($b),$abs($s)])<=9007199254740991?' +
    '($n:=$floor(($b-$a)/$s);$n<0?[]:$n<1000?[$map([0..$n],function($i){$a+$i*$s})]:null):null:null}',

  /** UTF-8 whatever the engine's own function does beyond ASCII. */
  base64: (use: Use) =>
    `function($v){$type($v)='string'?$contains($v,${LONE_SURROGATE})?null:` +
    `$base64encode($contains($v,${NOT_ASCII}) and $not(${ENCODES_UTF8})?${use('utf8Bytes')}($v):$v):null}`,
  /** Encoding it again tells whether the text was base64 at all, and in its one proper form. */
  unbase64: (use: Use) =>
    `function($v){$type($v)='string'?$length($v)%4=0 and $contains($v,/^[A-Za-z0-9+\\/]*={0,2}${END}/)?` +
    `($d:=$base64decode($v);$base64encode($d)!=$v?null:$contains($d,${NOT_ASCII}) and $not(${ENCODES_UTF8})?${use('utf8Text')}($d):$d):null:null}`,
  /** A text's UTF-8 with one character for each byte: percent-encoded, then byte by byte. */
  utf8Bytes: (use: Use) =>
    `function($v){($t:=$base64decode(${UPPER_BYTES});$decodeUrlComponent($reduce([0..127],function($s,$i){` +
    `$join($split($s,${use('percent')}($i)),$substring($t,$i,1))},$encodeUrlComponent($v))))}`,
  /** The other way; null where the bytes are not UTF-8. */
  utf8Text: (use: Use) =>
    `function($v){($t:=$base64decode(${UPPER_BYTES});$p:=$reduce([0..127],function($s,$i){` +
    `$join($split($s,$substring($t,$i,1)),${use('percent')}($i))},$join($split($v,'%'),'%25'));` +
    `$contains($replace($p,${UTF8_CHARACTER},''),/%[89A-F]/)?null:$decodeUrlComponent($p))}`,
  percent: () => "function($i){'%'&$uppercase($formatBase($i+128,16))}",
};

export type HelperName = keyof typeof HELPERS;

export function isHelperName(name: string): name is HelperName {
  return Object.hasOwn(HELPERS, name);
}

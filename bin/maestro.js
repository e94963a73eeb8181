#!/usr/bin/env node
// biome-ignore-all lint: newer syntax is what this file must not have.
// Starts the built command line. Written so that every Node since 10 can parse it: an old one has to get as far as the message below.
var needed = 24;
var major = Number(process.versions.node.split('.')[0]);

if (major < needed) {
  process.stderr.write(
    'maestro: this is Node ' +
      process.versions.node +
      ', and maestro needs Node ' +
      needed +
      ' or newer.\n' +
      'In a clone of the repository `npm ci` installs the right one; then use `npx maestro ...`,\n' +
      'or `PATH=node_modules/.bin:$PATH maestro ...`. Anywhere else install Node ' +
      needed +
      ' from https://nodejs.org.\n',
  );
  process.exitCode = 2;
} else {
  if (process.argv[2] === 'dev') replaceByLeaner();
  start();
}

// A service that runs for long: V8 lets its young generation grow to three times 16 MB and keeps what dies there for as long. With a quarter of
// that 10,000 waiting runs take 195 MB instead of 299 MB, and as many runs a second are started. It can only be said when a process begins, so
// this one is replaced; where that cannot be done (Windows) it goes on as it is.
function replaceByLeaner() {
  if (process.platform === 'win32' || process.execArgv.length > 0 || typeof process.execve !== 'function') return;
  process.execve(process.execPath, [process.execPath, '--max-semi-space-size=4'].concat(process.argv.slice(1)));
}

function start() {
  // Machine code of earlier starts is kept beside the build, not in a temporary folder that others may write to.
  process.getBuiltinModule('node:module').enableCompileCache(fileUrlToPath('../dist/.compile-cache'));
  import('../dist/cli.js').then(
    function (cli) {
      return cli.runAsProcess();
    },
    function (error) {
      if (error && error.code === 'ERR_MODULE_NOT_FOUND' && String(error.message).indexOf('dist') >= 0) {
        process.stderr.write('maestro: it is not built yet (dist/ is missing). Run `npm ci`, or `npm run build` after a change.\n');
      } else {
        process.stderr.write('maestro: could not start: ' + (error && error.stack ? error.stack : error) + '\n');
      }
      process.exitCode = 2;
    },
  );
}

function fileUrlToPath(relative) {
  var node = { path: process.getBuiltinModule('node:path'), fs: process.getBuiltinModule('node:fs') };
  return node.path.join(node.path.dirname(node.fs.realpathSync(process.argv[1])), relative);
}

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
  start();
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

// Node's `http`, without making an ES module of it: that reads every member, and one of them loads all of fetch and WebSocket. It would be the
// longest part of a function's start.
module.exports = process.getBuiltinModule('node:http');

// Node's `https`, for the reason of `http.cjs`.
module.exports = process.getBuiltinModule('node:https');

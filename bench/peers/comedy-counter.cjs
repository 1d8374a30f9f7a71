/** The counter as a comedy actor, in a module of its own so that a threaded actor can load it. */
'use strict';

module.exports = class Counter {
  initialize() {
    this.total = 0;
  }
  increment(by) {
    this.total += by;
    return this.total;
  }
  count() {
    return this.total;
  }
};

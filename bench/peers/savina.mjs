/**
 * Programs of the Savina suite on nact, in one thread and by reference: the same messages and drawn numbers as the Synapse
 * actors of bench/savina/. Left out are those that wait inside a turn or that only compute.
 */
import { createRequire } from 'node:module';

const { dispatch, spawn, start, stop } = createRequire(import.meta.url)('nact');

const DICTIONARY_KEYS = 524_288;
const next = (drawn) => (drawn * 16_807) % 2_147_483_647;
const seed = (id) => next(next(id + 1));

function compute() {
  const sine = Math.sin(37.2);
  if (sine * sine <= 0) throw new Error('a square of a sine that is not positive');
}

let names = 0;

/** An actor whose state lives in its closure: `receive(message, self)`. The names nact draws meet among 40,000 actors now and then. */
function make(system, receive) {
  names += 1;
  return spawn(system, (_state, message, context) => receive(message, context.self), `actor-${names}`);
}

const range = (count) => Array.from({ length: count }, (_, at) => at);

const PROGRAMS = {
  'ping-pong': (system, [count], done) => {
    let left = count;
    const pong = make(system, (from, self) => dispatch(from, self));
    const ping = make(system, (_message, self) => {
      left -= 1;
      if (left === 0) done(count);
      else dispatch(pong, self);
    });
    dispatch(pong, ping);
  },
  counting: (system, [count], done) => {
    let counted = 0;
    const tally = make(system, (message) => {
      if (message === 'retrieve') done(counted);
      else counted += 1;
    });
    for (let i = 0; i < count; i++) dispatch(tally, 'increment');
    dispatch(tally, 'retrieve');
  },
  'fork-join': (system, [messages, actors], done) => {
    let worked = 0;
    let finished = 0;
    const all = range(actors).map(() => {
      let count = 0;
      return make(system, () => {
        compute();
        count += 1;
        if (count < messages) return;
        worked += count;
        finished += 1;
        if (finished === actors) done(worked);
      });
    });
    for (let i = 0; i < messages; i++) for (const one of all) dispatch(one, 'work');
  },
  creation: (system, [actors], done) => {
    let worked = 0;
    for (let i = 0; i < actors; i++) {
      const one = make(system, (_message, self) => {
        compute();
        stop(self);
        worked += 1;
        if (worked === actors) done(worked);
      });
      dispatch(one, 'work');
    }
  },
  'thread-ring': (system, [actors, hops], done) => {
    const links = range(actors).map((at) =>
      make(system, (left) => {
        if (left === 0) done(at + 1);
        else dispatch(links[(at + 1) % actors], left - 1);
      }),
    );
    dispatch(links[0], hops);
  },
  chameneos: (system, [creatures, meetings], done) => {
    let [left, faded, counted] = [meetings, 0, 0];
    let waiting;
    const mall = make(system, ({ color, from }) => {
      if (left === 0) dispatch(from, { kind: 'fade' });
      else if (waiting === undefined) waiting = from;
      else {
        left -= 1;
        dispatch(waiting, { kind: 'meet', color, from });
        waiting = undefined;
      }
    });
    for (const at of range(creatures)) {
      let color = at % 3;
      let count = 0;
      const one = make(system, (message, self) => {
        if (message.kind === 'fade') {
          faded += 1;
          counted += count;
          if (faded === creatures) done(counted);
          return;
        }
        count += 1;
        if (message.kind === 'change') color = message.color;
        else {
          color = color === message.color ? color : 3 - color - message.color;
          dispatch(message.from, { kind: 'change', color });
        }
        dispatch(mall, { color, from: self });
      });
      dispatch(mall, { color, from: one });
    }
  },
  big: (system, [actors, pings], done) => {
    let answered = 0;
    let finished = 0;
    const all = range(actors).map((at) => {
      let left = pings - 1;
      let drawn = seed(at);
      let awaited;
      const ping = (self) => {
        drawn = next(drawn);
        awaited = all[drawn % actors];
        dispatch(awaited, { kind: 'ping', from: self });
      };
      return make(system, ({ kind, from }, self) => {
        if (kind === 'ping') return dispatch(from, { kind: 'pong', from: self });
        if (kind === 'begin') return ping(self);
        if (from.path !== awaited.path && String(from.path) !== String(awaited.path))
          throw new Error('a pong of another');
        answered += 1;
        if (left === 0) {
          finished += 1;
          if (finished === actors) done(answered);
          return;
        }
        left -= 1;
        ping(self);
      });
    });
    for (const one of all) dispatch(one, { kind: 'begin' });
  },
  dictionary: (system, [workers, messages, writePercent], done) => {
    const entries = new Map();
    let finished = 0;
    const dictionary = make(system, ({ key, value, from }) => {
      if (value !== undefined) entries.set(key, value);
      dispatch(from, entries.get(key) ?? 0);
    });
    for (const at of range(workers)) {
      let drawn = seed(at);
      let left = messages;
      const one = make(system, (_answer, self) => {
        if (left === 0) {
          finished += 1;
          if (finished === workers) done(workers * messages + entries.size);
          return;
        }
        left -= 1;
        const choice = next(drawn);
        drawn = next(choice);
        const value = choice % 100 < writePercent ? drawn : undefined;
        dispatch(dictionary, { key: drawn % DICTIONARY_KEYS, value, from: self });
      });
      dispatch(one, 0);
    }
  },
  philosophers: (system, [count, meals], done) => {
    let taken = 0;
    let eaten = 0;
    const forks = (at) => (1 << at) | (1 << ((at + 1) % count));
    const table = make(system, ({ at, from, isDone }) => {
      if (isDone) {
        taken &= ~forks(at);
        eaten += 1;
        if (eaten === count * meals) done(eaten);
      } else if ((taken & forks(at)) !== 0) dispatch(from, 'denied');
      else {
        taken |= forks(at);
        dispatch(from, 'eat');
      }
    });
    for (const at of range(count)) {
      let left = meals;
      const one = make(system, (message, self) => {
        if (message === 'eat') {
          left -= 1;
          dispatch(table, { at, from: self, isDone: true });
        }
        if (left > 0) dispatch(table, { at, from: self, isDone: false });
      });
      dispatch(table, { at, from: one, isDone: false });
    }
  },
};

/** The programs that there are. */
export const programs = Object.keys(PROGRAMS);

/** Runs a program to its end and gives its result. */
export async function runProgram(name, given) {
  const system = start();
  try {
    return await new Promise((resolve) => PROGRAMS[name](system, given, resolve));
  } finally {
    stop(system);
  }
}

/**
 * Savina's programs of bare messages as Synapse actors, all in one tenant: ping-pong, counting, fork-join, creation,
 * thread ring, chameneos, big. The actor that starts a program is called after it and holds its result.
 */
import { actor } from 'synapse-actors';
import { nextRandom, seedOf } from './programs.ts';

/** Savina's mailboxes have no limit; these hold what its parameters make wait. */
const mailbox = { limit: 4_000_000, limitBytes: 1 << 30 };

/** Savina's unit of work: a sine and a square that the compiler cannot leave out. */
function compute(theta: number): void {
  const sine = Math.sin(theta);
  if (sine * sine <= 0) throw new Error('a square of a sine that is not positive');
}
const THETA = 37.2;

export const pingPong = actor('ping-pong', {
  state: () => ({ left: 0, answered: 0 }),
  commands: {
    start(ctx, count: number): void {
      ctx.state.left = count - 1;
      ctx.ref(pong, 'one').tell.ping();
    },
    pong(ctx): void {
      ctx.state.answered += 1;
      if (ctx.state.left === 0) return;
      ctx.state.left -= 1;
      ctx.ref(pong, 'one').tell.ping();
    },
  },
  queries: { result: (ctx) => ctx.state.answered },
});

export const pong = actor('pong', {
  state: () => ({ pings: 0 }),
  commands: {
    ping(ctx): void {
      ctx.state.pings += 1;
      ctx.ref(pingPong, 'main').tell.pong();
    },
  },
});

export const counting = actor('counting', {
  state: () => ({ counted: 0 }),
  commands: {
    start(ctx, count: number): void {
      const { tell } = ctx.ref(tally, 'one');
      for (let i = 0; i < count; i++) tell.increment();
      tell.retrieve();
    },
    counted(ctx, count: number): void {
      ctx.state.counted = count;
    },
  },
  queries: { result: (ctx) => ctx.state.counted },
});

export const tally = actor('tally', {
  state: () => ({ count: 0 }),
  commands: {
    increment(ctx): void {
      ctx.state.count += 1;
    },
    retrieve(ctx): void {
      ctx.ref(counting, 'main').tell.counted(ctx.state.count);
    },
  },
  mailbox,
});

export const forkJoin = actor('fork-join', {
  state: () => ({ worked: 0 }),
  commands: {
    start(ctx, messages: number, actors: number): void {
      const all = Array.from({ length: actors }, (_, at) => ctx.ref(joiner, String(at)).tell);
      for (let i = 0; i < messages; i++) for (const tell of all) tell.work(messages);
    },
    done(ctx, count: number): void {
      ctx.state.worked += count;
    },
  },
  queries: { result: (ctx) => ctx.state.worked },
  mailbox,
});

export const joiner = actor('joiner', {
  state: () => ({ count: 0 }),
  commands: {
    work(ctx, messages: number): void {
      compute(THETA);
      ctx.state.count += 1;
      if (ctx.state.count === messages) ctx.ref(forkJoin, 'main').tell.done(messages);
    },
  },
  mailbox,
});

export const creation = actor('creation', {
  state: () => ({ done: 0 }),
  commands: {
    start(ctx, actors: number): void {
      for (let at = 0; at < actors; at++) ctx.ref(worker, String(at)).tell.work();
    },
    done(ctx): void {
      ctx.state.done += 1;
    },
  },
  queries: { result: (ctx) => ctx.state.done },
  mailbox,
});

export const worker = actor('worker', {
  state: () => ({}),
  commands: {
    work(ctx): void {
      compute(THETA);
      ctx.ref(creation, 'main').tell.done();
      ctx.stop();
    },
  },
});

export const threadRing = actor('thread-ring', {
  state: () => ({ last: 0 }),
  commands: {
    start(ctx, actors: number, hops: number): void {
      ctx.ref(ringLink, '0').tell.hop(hops, actors);
    },
    ended(ctx, at: number): void {
      ctx.state.last = at + 1;
    },
  },
  queries: { result: (ctx) => ctx.state.last },
});

export const ringLink = actor('ring-link', {
  state: () => ({ hops: 0 }),
  commands: {
    hop(ctx, left: number, actors: number): void {
      ctx.state.hops += 1;
      const at = Number(ctx.key);
      if (left === 0) ctx.ref(threadRing, 'main').tell.ended(at);
      else ctx.ref(ringLink, String((at + 1) % actors)).tell.hop(left - 1, actors);
    },
  },
});

/** Two that meet turn to the third colour; two of one colour keep it. */
function complement(mine: number, other: number): number {
  return mine === other ? mine : 3 - mine - other;
}

export const chameneos = actor('chameneos', {
  state: () => ({ left: 0, waiting: '', color: 0, counted: 0 }),
  commands: {
    start(ctx, creatures: number, meetings: number): void {
      ctx.state.left = meetings;
      for (let at = 0; at < creatures; at++) ctx.ref(creature, String(at)).tell.begin(at % 3);
    },
    meet(ctx, color: number, from: string): void {
      const { left, waiting } = ctx.state;
      if (left === 0) ctx.ref(creature, from).tell.fade();
      else if (waiting === '') {
        ctx.state.waiting = from;
        ctx.state.color = color;
      } else {
        ctx.state.left = left - 1;
        ctx.state.waiting = '';
        ctx.ref(creature, waiting).tell.meet(color, from);
      }
    },
    faded(ctx, meetings: number): void {
      ctx.state.counted += meetings;
    },
  },
  queries: { result: (ctx) => ctx.state.counted },
});

export const creature = actor('creature', {
  state: () => ({ color: 0, meetings: 0 }),
  commands: {
    begin(ctx, color: number): void {
      ctx.state.color = color;
      ctx.ref(chameneos, 'main').tell.meet(color, ctx.key);
    },
    meet(ctx, color: number, from: string): void {
      ctx.state.color = complement(ctx.state.color, color);
      ctx.state.meetings += 1;
      ctx.ref(creature, from).tell.change(ctx.state.color);
      ctx.ref(chameneos, 'main').tell.meet(ctx.state.color, ctx.key);
    },
    change(ctx, color: number): void {
      ctx.state.color = color;
      ctx.state.meetings += 1;
      ctx.ref(chameneos, 'main').tell.meet(color, ctx.key);
    },
    fade(ctx): void {
      ctx.ref(chameneos, 'main').tell.faded(ctx.state.meetings);
    },
  },
});

export const big = actor('big', {
  state: () => ({ answered: 0 }),
  commands: {
    start(ctx, actors: number, pings: number): void {
      for (let at = 0; at < actors; at++) ctx.ref(peer, String(at)).tell.begin(actors, pings);
    },
    done(ctx, count: number): void {
      ctx.state.answered += count;
    },
  },
  queries: { result: (ctx) => ctx.state.answered },
});

export const peer = actor('peer', {
  state: () => ({ drawn: 0, actors: 0, left: 0, answered: 0, awaited: '' }),
  commands: {
    begin(ctx, actors: number, pings: number): void {
      ctx.state.actors = actors;
      ctx.state.left = pings - 1;
      ctx.state.drawn = nextRandom(seedOf(Number(ctx.key)));
      ctx.state.awaited = String(ctx.state.drawn % actors);
      ctx.ref(peer, ctx.state.awaited).tell.ping(ctx.key);
    },
    ping(ctx, from: string): void {
      ctx.ref(peer, from).tell.pong(ctx.key);
    },
    pong(ctx, from: string): void {
      if (from !== ctx.state.awaited) throw new Error(`a pong of ${from}, awaited ${ctx.state.awaited}`);
      ctx.state.answered += 1;
      if (ctx.state.left === 0) {
        ctx.ref(big, 'main').tell.done(ctx.state.answered);
        return;
      }
      ctx.state.left -= 1;
      ctx.state.drawn = nextRandom(ctx.state.drawn);
      ctx.state.awaited = String(ctx.state.drawn % ctx.state.actors);
      ctx.ref(peer, ctx.state.awaited).tell.ping(ctx.key);
    },
  },
});

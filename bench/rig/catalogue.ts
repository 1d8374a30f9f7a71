/**
 * Every bench, and what it asks: `bench/NAME.ts`. What is missing here cannot be run by name and is not tried by
 * the tests.
 */

/** Benches by name, those that matter most first. */
export const BENCHES: Readonly<Record<string, string>> = {
  durable: 'what does a durable, audited command cost beside a volatile message elsewhere?',
  latency: 'how long does one durable call take when nothing else is under way?',
  'open-loop': 'how long do durable calls take at a rate that does not wait for answers?',
  lanes: 'how many messages a second cross from one lane to another?',
  spawn: 'how fast are actors made, what does an idle one weigh, how long does a skynet take?',
  savina: 'how does Synapse, in one tenant, do the programs of the Savina suite beside OTP and nact?',
  recovery: 'after a kill -9, how soon does a tenant answer, how soon do all, and how fast is the replay?',
  scale: 'does a command cost the same however many tenants there are, and however much its actor holds?',
  encryption: 'what does encryption: true cost?',
  audit: 'what does the audit log cost a leaf, a proof and a durable command?',
  micro: 'where do a command’s nanoseconds go?',
  drain: 'what does draining the microtasks of a turn cost?',
  hardened: 'what does running an actor under SES cost?',
  replay: 'is a replay at least as fast as the live run that it repeats?',
};

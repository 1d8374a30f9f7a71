/**
 * The options of a system: what may be given, the defaults with their reasons, and the check that
 * names what is out of range. Used by `createSystem` and `testSystem` alike.
 */
import { availableParallelism } from 'node:os';
import { SynapseError } from '../base/error.ts';

/**
 * Who may send what to whom across tenants; without one a message is `DENIED`. `*` stands for any tenant,
 * actor type or handler. Decided when a turn sends, and recorded with its step.
 *
 * @example
 * { from: 'treasury', to: '*', actor: 'account', handlers: ['deposit'] }
 */
export interface Grant {
  readonly from: string;
  readonly to: string;
  readonly actor: string;
  readonly handlers: readonly string[];
}

/**
 * What of the journal is kept behind the snapshots: everything, or at least this much. With both, a record
 * stays when either wants it. State, timers and idempotency keys do not depend on old records.
 */
export type Retention =
  | 'all'
  | {
      /** Records younger than this are kept, ms. */
      readonly keepMs?: number;
      /** The newest records of each tenant are kept, this many. */
      readonly keepSteps?: number;
    };

/** Options of `createSystem`. Only `actors` is required; reasons of the defaults stand in docs/architecture.md. Out of range: `INVALID_ARGUMENT`, `details.option`. */
export interface SystemOptions {
  /** A module or several, as URLs (of a path: `pathToFileURL(path)`); every exported actor type is registered. */
  readonly actors: URL | string | readonly (URL | string)[];
  /** Modules with earlier versions, for recorded inputs and suspended turns that they ran. Without: `DIVERGED` for tenants that need one. */
  readonly previous?: readonly (URL | string)[];
  /** Directory of the store, made when missing; this system's alone (`STORE_LOCKED`). Left out: in memory, nothing survives the process. */
  readonly dataDir?: string;
  /** Worker threads for actors. Default: available parallelism - 1, at least 1. */
  readonly lanes?: number;
  /** Worker threads for effects. Default 1. */
  readonly effectThreads?: number;
  /** Units of placement, fixed for the life of a dataDir. Default 64. */
  readonly shards?: number;
  /** A turn that runs this long without awaiting gets its lane killed, ms. Default 5,000. */
  readonly turnTimeoutMs?: number;
  /** For calls that name no time-out, ms. Default 30,000. */
  readonly callTimeoutMs?: number;
  /** JavaScript heap of one lane, MiB. Default 512. */
  readonly laneHeapMb?: number;
  /** Memory beside the JavaScript heap (buffers) that one lane may take, MiB. Default 512. */
  readonly bufferMb?: number;
  /** Actors in memory per lane; over it the least recently used leave. Default 1,000,000. */
  readonly maxActiveActors?: number;
  /** Calls waiting for a reply in this process. Default 100,000. */
  readonly maxInFlight?: number;
  /** Bytes of those calls. Default 256 MiB. */
  readonly maxInFlightBytes?: number;
  /** Turns that one input may cause. Default 10,000,000. */
  readonly maxTurnsPerInput?: number;
  /** How long an idempotency key is remembered, ms of recorded time. Default 24 h. */
  readonly idempotencyTermMs?: number;
  /** Idempotency keys kept per tenant. Default 250,000. */
  readonly idempotencyLimit?: number;
  /** Who may cross tenants. None by default. */
  readonly grants?: readonly Grant[];
  /** A snapshot of a tenant is taken after so many steps. Default 10,000. */
  readonly snapshotEverySteps?: number;
  /** … or so many bytes of journal. Default 8 MiB. */
  readonly snapshotEveryBytes?: number;
  /** What of the journal is kept. Default `'all'`. */
  readonly retention?: Retention;
  /**
   * Everything of a tenant on disk is sealed with a key of its own, which `system.erase` destroys. Fixed for the life
   * of a dataDir. Default false. What it costs and what stays readable: docs/encryption.md.
   */
  readonly encryption?: boolean;
  /**
   * Freezes what the modules of `actors` and `previous` export, and reports turns that write to it
   * (`AMBIENT_AUTHORITY`). Part of the code as far as recorded inputs go: a turn that failed for it does so
   * at recovery only with it. Default false. See docs/determinism.md.
   */
  readonly strict?: boolean;
  /** How long `close` waits for calls and effects under way, ms. Default 5,000. */
  readonly drainTimeoutMs?: number;
  /** Signs checkpoints: an Ed25519 private key in PEM (PKCS #8), or its seed of 32 bytes. Default: `audit.key` in the dataDir, made when first needed. */
  readonly auditKey?: string | Uint8Array;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly actors: readonly string[];
  readonly previous: readonly string[];
  readonly dataDir: string | undefined;
  readonly lanes: number;
  readonly effectThreads: number;
  readonly shards: number;
  readonly turnTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly laneHeapMb: number;
  readonly bufferMb: number;
  readonly maxActiveActors: number;
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
  readonly maxTurnsPerInput: number;
  readonly idempotencyTermMs: number;
  readonly idempotencyLimit: number;
  readonly grants: readonly Grant[];
  readonly snapshotEverySteps: number;
  readonly snapshotEveryBytes: number;
  readonly retention: Retention;
  readonly encryption: boolean;
  readonly drainTimeoutMs: number;
  readonly auditKey: string | Uint8Array | undefined;
  readonly strict: boolean;
}

/** A range and a default, in the option's unit. */
type Range = readonly [least: number, most: number, standard: number];

const DAY_MS = 86_400_000;
/** The longest a timer of Node counts, ms. */
const TIMER_MAX_MS = 2_147_483_647;

/** Every number: least, most, default. */
const RANGES: Readonly<Record<string, Range>> = {
  lanes: [1, 256, Math.max(1, availableParallelism() - 1)], // a thread more than cores only costs memory
  effectThreads: [1, 256, 1], // effects wait for the world far more than they compute
  shards: [1, 65_536, 64], // enough to move load in small pieces, few enough to be listed
  turnTimeoutMs: [10, TIMER_MAX_MS, 5_000],
  callTimeoutMs: [1, TIMER_MAX_MS, 30_000],
  laneHeapMb: [16, 65_536, 512],
  bufferMb: [16, 1_048_576, 512], // as much again as the heap: mailboxes and values are bytes for a while
  maxActiveActors: [1, 100_000_000, 1_000_000],
  maxInFlight: [1, 10_000_000, 100_000],
  maxInFlightBytes: [1_024, 2 ** 40, 256 << 20],
  maxTurnsPerInput: [1, 1_000_000_000, 10_000_000],
  idempotencyTermMs: [1, 366 * DAY_MS, DAY_MS],
  idempotencyLimit: [1, 10_000_000, 250_000], // some 50 MB of a lane's heap at the worst
  snapshotEverySteps: [1, 100_000_000, 10_000], // bounds the tail that a recovery replays
  snapshotEveryBytes: [1_024, 2 ** 40, 8 << 20],
  drainTimeoutMs: [0, TIMER_MAX_MS, 5_000],
};

const OTHERS: readonly string[] = [
  'strict',
  'actors',
  'previous',
  'dataDir',
  'grants',
  'retention',
  'auditKey',
  'encryption',
];

function invalid(option: string, expected: string, got: unknown): SynapseError {
  const text = typeof got === 'string' ? JSON.stringify(got) : String(got);
  return new SynapseError('INVALID_ARGUMENT', `${option} must be ${expected}, got ${text}`, { option });
}

/** Options with defaults; `extra` names further options that the caller checks itself. `INVALID_ARGUMENT` names the option. */
export function resolveOptions(options: SystemOptions, extra: readonly string[] = []): ResolvedOptions {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  for (const name of Object.keys(options)) {
    if (name in RANGES || OTHERS.includes(name) || extra.includes(name)) continue;
    throw new SynapseError('INVALID_ARGUMENT', `there is no option '${name}'`, { option: name });
  }
  const numbers: Record<string, number> = {};
  for (const [name, range] of Object.entries(RANGES)) numbers[name] = checkNumber(options, name, range);
  const { dataDir } = options;
  if (dataDir !== undefined && (typeof dataDir !== 'string' || dataDir === '' || dataDir.includes('\0'))) {
    throw invalid('dataDir', 'a path', dataDir);
  }
  return {
    ...(numbers as unknown as ResolvedOptions),
    actors: moduleUrls('actors', options.actors),
    previous: options.previous === undefined ? [] : moduleUrls('previous', options.previous, true),
    dataDir,
    grants: checkGrants(options.grants ?? []),
    retention: checkRetention(options.retention ?? 'all'),
    strict: checkFlag('strict', options.strict ?? false),
    auditKey: checkAuditKey(options.auditKey),
    encryption: checkSwitch('encryption', options.encryption ?? false),
  };
}

function checkFlag(option: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid(option, 'true or false', value);
  return value;
}

function checkNumber(options: SystemOptions, name: string, [least, most, standard]: Range): number {
  const value = (options as unknown as Record<string, unknown>)[name];
  if (value === undefined) return standard;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw invalid(name, `an integer from ${least} to ${most}`, value);
  }
  return value;
}

function checkSwitch(option: string, given: unknown): boolean {
  if (typeof given !== 'boolean') throw invalid(option, 'true or false', given);
  return given;
}

/** Modules as URLs; `INVALID_ARGUMENT` names the option. */
export function moduleUrls(option: string, given: unknown, mayBeEmpty = false): string[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === 0 && !mayBeEmpty) throw invalid(option, 'a module URL or several', 'none');
  return list.map((entry) => {
    if (entry instanceof URL) return entry.href;
    if (typeof entry !== 'string' || entry === '') throw invalid(option, 'a URL, or its text', entry);
    try {
      return new URL(entry).href;
    } catch {
      throw invalid(option, 'a URL (for a path: pathToFileURL(path))', entry);
    }
  });
}

function checkGrants(given: unknown): readonly Grant[] {
  if (!Array.isArray(given)) throw invalid('grants', 'an array', given);
  return given.map((grant: unknown, index): Grant => {
    const { from, to, actor, handlers } = (grant ?? {}) as Record<string, unknown>;
    const option = `grants[${index}]`;
    if (typeof from !== 'string' || from === '') throw invalid(`${option}.from`, "a tenant or '*'", from);
    if (typeof to !== 'string' || to === '') throw invalid(`${option}.to`, "a tenant or '*'", to);
    if (typeof actor !== 'string' || actor === '') throw invalid(`${option}.actor`, "an actor type or '*'", actor);
    if (!Array.isArray(handlers) || handlers.some((name) => typeof name !== 'string')) {
      throw invalid(`${option}.handlers`, "an array of handler names, or ['*']", handlers);
    }
    return { from, to, actor, handlers: [...(handlers as string[])] };
  });
}

/** Only its form: whether it is a key is seen by whoever signs with it first, at the opening. */
function checkAuditKey(given: unknown): string | Uint8Array | undefined {
  if (given === undefined || (typeof given === 'string' && given !== '') || given instanceof Uint8Array) return given;
  throw invalid('auditKey', 'PEM text or 32 bytes', typeof given);
}

function checkRetention(given: unknown): Retention {
  if (given === 'all') return given;
  if (typeof given !== 'object' || given === null) throw invalid('retention', "'all' or { keepMs, keepSteps }", given);
  for (const [name, value] of Object.entries(given)) {
    if (name !== 'keepMs' && name !== 'keepSteps') throw invalid('retention', "'all' or { keepMs, keepSteps }", name);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
      throw invalid(`retention.${name}`, 'an integer of at least 0', value);
  }
  return given as Retention;
}

/** Answers the kernel's question whether a message may cross tenants. */
export function admitter(
  grants: readonly Grant[],
): (from: string, to: string, type: string, handler: string) => boolean {
  const fits = (pattern: string, name: string): boolean => pattern === '*' || pattern === name;
  return (from, to, type, handler) =>
    grants.some(
      (grant) =>
        fits(grant.from, from) &&
        fits(grant.to, to) &&
        fits(grant.actor, type) &&
        grant.handlers.some((name) => fits(name, handler)),
    );
}

/**
 * What the histories of books and wisps must show: linearizable, once, in order, taken back whole, nothing
 * early, nothing of the dead. Reads the history alone; what the kernel says of itself proves nothing here.
 */
import { FRAME_KIND } from '../frame/frame.ts';
import type { Notice } from '../host/lane-frame.ts';
import { type HistoryEvent, UNKNOWN, valueKey } from './history.ts';
import type { HistoryModel } from './history-models.ts';
import { checkLinearizable } from './linearizability.ts';
import type { BookPage, WispPage } from './sim-book.ts';
import type { RunJournal } from './sim-journal.ts';
import type { Attempt, SimulatedEvent, SimulatedOperation, Violation } from './sim-operation.ts';

/** What a check of books looks at. */
export interface BookRun {
  readonly operations: readonly SimulatedOperation[];
  readonly history: readonly SimulatedEvent[];
  readonly attempts: readonly Attempt[];
  readonly notices: readonly Notice[];
  readonly journal: RunJournal;
}

/** What of a unit is looked at. */
interface UnitPage {
  readonly n: number;
  readonly spoilt?: string;
  readonly fired?: readonly (readonly [token: string, when: string, whose: string])[];
  readonly rows: readonly (readonly [key: string, value: unknown])[];
}

/** What a unit's turn adds before it fails: more than all others together. */
const SPOILT = 1_000_000;

const isSame = (left: unknown, right: unknown): boolean => valueKey(left) === valueKey(right);

/** A book's entries, or a wisp's tokens: `strike` leaves nothing, `vanish` nothing of all before. */
const tokenList: HistoryModel<readonly string[]> = {
  name: 'list of tokens',
  initial: [],
  key: (state) => state.join(' '),
  step(state, op, input, output) {
    if (op === 'read') return output === UNKNOWN || isSame(output, state) ? state : undefined;
    if (op === 'vanish') return [];
    return output === UNKNOWN || output === state.length ? [...state, input as string] : undefined;
  },
};

/** Operations that change a list of tokens, or show it. */
const JUDGED: ReadonlySet<string> = new Set(['enter', 'enterLate', 'put', 'vanish', 'read', 'strike', 'strikeLate']);

/** Answers that leave open whether it happened: what came of a damaged tenant's last steps nobody can tell. */
const OPEN_CODES: ReadonlySet<unknown> = new Set(['STORE_CORRUPT', 'DIVERGED']);

/** A key means nothing to a query. */
const QUERIES: ReadonlySet<string> = new Set(['read', 'look']);

/** All faults of a run. */
export function bookFaults(run: BookRun): Violation[] {
  return [
    ...linearFaults(run),
    ...sameAnswerFaults(run),
    ...pagesOf<BookPage>(run, 'book').flatMap(({ name, page }) => pageFaults(name, page)),
    ...pagesOf<WispPage>(run, 'wisp').flatMap(({ name, page }) => wispFaults(name, page)),
    ...unitFaults(run),
    ...letterFaults(run),
    ...earlyReadFaults(run),
    ...restartFaults(run),
  ];
}

interface Page<T> {
  readonly name: string;
  readonly tenant: string;
  readonly page: T;
}

/** Every page that was read, in the order of the answers; where `by` is given, of that user alone. */
function pagesOf<T>({ operations, history }: BookRun, type: string, by?: number): Page<T>[] {
  return history.flatMap((event) => {
    const operation = operations[event.operation];
    if (operation?.type !== type || event.op !== 'read' || event.type !== 'ok') return [];
    if (by !== undefined && operation.process !== by) return [];
    return [{ name: `${operation.tenant}/${operation.key}`, tenant: operation.tenant, page: event.value as T }];
  });
}

/** What was asked with one key, by whomever and however often, is one request. */
interface Request {
  readonly name: string;
  readonly first: SimulatedEvent;
  /** Those asking who got no answer yet. */
  waiting: number;
  isAnswered: boolean;
  isOpen: boolean;
}

/** Each list against its model. What every one who asked got a definite no to did not happen. */
function linearFaults({ history, operations }: BookRun): Violation[] {
  const requests = new Map<string, Request>();
  const events: HistoryEvent[] = [];
  for (const event of history) {
    const { type: actor, tenant, idempotencyKey } = operations[event.operation] as SimulatedOperation;
    if ((actor !== 'book' && actor !== 'wisp') || !JUDGED.has(event.op)) continue;
    const name =
      idempotencyKey === undefined || event.op === 'read' ? `${event.operation}` : `${tenant} ${idempotencyKey}`;
    const request = requests.get(name) ?? { name, first: event, waiting: 0, isAnswered: false, isOpen: false };
    const common = { process: name, op: event.op, key: event.key ?? '' };
    if (event.type === 'invoke') {
      if (!requests.has(name)) events.push({ ...common, type: 'invoke', value: operations[event.operation]?.args[0] });
      request.waiting += 1;
    } else request.waiting -= 1;
    requests.set(name, request);
    if (event.type === 'info' || (event.type === 'fail' && OPEN_CODES.has(event.value))) request.isOpen = true;
    if (event.type !== 'ok' || request.isAnswered) continue;
    request.isAnswered = true;
    events.push({ ...common, type: 'ok', value: event.op === 'read' ? tokensOf(actor, event.value) : event.value });
  }
  for (const { name, first, waiting, isAnswered, isOpen } of requests.values()) {
    if (isAnswered || isOpen || waiting > 0) continue;
    events.push({ process: name, type: 'fail', op: first.op, key: first.key ?? '' });
  }
  const verdict = checkLinearizable(tokenList, events);
  return verdict.outcome === 'violation' ? [{ check: 'linearizable', text: verdict.message }] : [];
}

function tokensOf(actor: string, value: unknown): readonly string[] {
  return actor === 'wisp' ? (value as WispPage).tokens : (value as BookPage).entries.map(([token]) => token);
}

/** One key, one answer. */
function sameAnswerFaults({ history, operations }: BookRun): Violation[] {
  const first = new Map<string, SimulatedEvent>();
  const faults: Violation[] = [];
  for (const event of history) {
    const { tenant, idempotencyKey } = operations[event.operation] as SimulatedOperation;
    if (event.type !== 'ok' || idempotencyKey === undefined || QUERIES.has(event.op)) continue;
    const name = `${tenant} ${idempotencyKey}`;
    const before = first.get(name);
    if (before === undefined) first.set(name, event);
    else if (!isSame(before.value, event.value)) {
      const text = `operations ${before.operation} and ${event.operation} (${event.op}) have one idempotency key and two answers`;
      faults.push({ check: 'once', text: `tenant ${tenant}: ${text}` });
    }
  }
  return faults;
}

function pageFaults(name: string, page: BookPage): Violation[] {
  const faults: Violation[] = [];
  const fault = (check: string, text: string): void => void faults.push({ check, text: `book ${name}: ${text}` });
  const tokens = page.entries.map(([token]) => token);
  const lines = [...page.lines].sort(([a], [b]) => Number(a) - Number(b)).map(([, token]) => token);
  if (!isSame(tokens, lines)) fault('whole', `state has ${tokens.join(' ')}, its table ${lines.join(' ')}`);
  if (page.entries.some(([, nowMs], index) => nowMs < (page.entries[index - 1]?.[1] ?? 0)))
    fault('time', 'recorded time went backwards');
  const rang = page.rings.map(([token]) => token);
  if (new Set(rang).size < rang.length) fault('timers', `an alarm rang twice: ${rang.join(' ')}`);
  for (const [token, nowMs] of page.rings) {
    if (page.disarmed.includes(token)) fault('timers', `the alarm ${token} rang after it was cancelled`);
    if (nowMs < (page.alarms[token] ?? Number.POSITIVE_INFINITY)) fault('timers', `the alarm ${token} rang too early`);
  }
  const latest = new Map<string, number>();
  for (const [from, number] of page.mail) {
    const before = latest.get(from) ?? 0;
    if (number <= before) fault('order', `letter ${number} of ${from} came after letter ${before}`);
    latest.set(from, number);
  }
  return faults;
}

function wispFaults(name: string, page: WispPage): Violation[] {
  return page.rings
    .filter(([, isOwn]) => !isOwn)
    .map(([token]) => ({ check: 'timers', text: `wisp ${name}: an alarm of the one before it rang: ${token}` }));
}

/** What a unit did before it failed is taken back, and its timers are its own. */
function unitFaults({ operations, history }: BookRun): Violation[] {
  return history.flatMap((event) => {
    if (operations[event.operation]?.type !== 'unit' || event.op !== 'look' || event.type !== 'ok') return [];
    const { n, fired = [], spoilt, rows } = event.value as UnitPage;
    const faults: Violation[] = [];
    const fault = (check: string, text: string): void => void faults.push({ check, text: `${event.key}: ${text}` });
    const isSpoilt = spoilt !== undefined || rows.some(([, value]) => value === 'spoilt');
    if (isSpoilt || Number(n) >= SPOILT) fault('whole', 'what a failed turn did was not taken back');
    // Whose it was says nothing here: it may have waited behind a turn that ended the actor. Wisps have no such turn.
    for (const [token, when] of fired) if (when !== 'due') fault('timers', `the timer ${token} fired ${when}`);
    return faults;
  });
}

/** In the end every letter has arrived, and every alarm has rung or was cancelled. */
function letterFaults(run: BookRun): Violation[] {
  const surveyor = run.operations.at(-1)?.process;
  if (quietMs(run, surveyor) < QUIET_MS) return [];
  const last = pagesOf<BookPage>(run, 'book', surveyor);
  const pages = new Map(last.map((one) => [one.name, one]));
  const restless = restlessOf(run);
  const faults: Violation[] = [];
  for (const { name, tenant, page } of last) {
    if (restless.has(tenant)) continue;
    const silent = Object.keys(page.alarms).filter(
      (token) => !page.disarmed.includes(token) && !page.rings.some(([rang]) => rang === token),
    );
    if (silent.length > 0) faults.push({ check: 'timers', text: `book ${name}: never rang: ${silent.join(' ')}` });
    for (const [to, count] of Object.entries(page.sent)) {
      const target = pages.get(to);
      if (target === undefined || restless.has(target.tenant)) continue;
      const arrived = target.page.mail.filter(([from]) => from === name).length;
      if (arrived !== count)
        faults.push({ check: 'once', text: `${count} letters went from book ${name} to ${to}, ${arrived} came` });
    }
  }
  return faults;
}

/** Longer than the longest alarm and back-off: what is on its way after that will not come. */
const QUIET_MS = 30_000;

/** How long nobody else had asked or heard anything when the survey's reader began. */
function quietMs({ operations, attempts }: BookRun, surveyor: number | undefined): number {
  const isReader = ({ operation }: Attempt): boolean => operations[operation]?.process === surveyor;
  const begunMs = attempts.find(isReader)?.sentMs ?? 0;
  const others = attempts.filter((attempt) => !isReader(attempt));
  return begunMs - Math.max(...others.map(({ sentMs, answeredMs }) => answeredMs ?? sentMs));
}

/** Tenants of which a message may have been refused for good reason: suspended, damaged, or with an input set aside. */
function restlessOf({ operations, journal, notices }: BookRun): ReadonlySet<string> {
  const restless = new Set(journal.damaged.keys());
  for (const notice of notices)
    if (notice.kind === 'escalated' && notice.untilMs !== undefined) restless.add(notice.tenant);
  for (const { tenant, handler, args } of operations)
    if (handler === 'fail' || (handler === 'order' && args.includes('fail'))) restless.add(tenant);
  for (const tenant of journal.tenants)
    if (journal.steps(tenant).some(({ frame }) => frame.kind === FRAME_KIND.poison)) restless.add(tenant);
  return restless;
}

/** What a query shows is durable when its answer leaves. */
function earlyReadFaults({ attempts, operations }: BookRun): Violation[] {
  return attempts.flatMap(({ operation: at, answer, releasedSeq }) => {
    const operation = operations[at];
    const isPage = operation?.handler === 'read' && (operation.type === 'book' || operation.type === 'wisp');
    if (!isPage || answer?.ok !== true || releasedSeq === undefined) return [];
    const { seq } = answer.value as BookPage | WispPage;
    if (seq <= releasedSeq) return [];
    const text = `the answer to operation ${at} (read) shows step ${seq} of ${operation.tenant} when ${releasedSeq} were durable`;
    return [{ check: 'durable', text }];
  });
}

/** Intensity and period of a phoenix, and its shortest and longest back-off. */
const PHOENIX = { intensity: 2, periodMs: 10_000, backoffMs: [100, 1_000] } as const;

/** No phoenix restarts more often than it may. A notice says when the back-off ends; the restart lies before that. */
function restartFaults({ notices, operations }: BookRun): Violation[] {
  const ends = new Map<string, number[]>();
  // Who has escalated begins anew, and so does a child after its end; when, notices do not say: those are left to the check of the steps.
  const beginsAnew = new Set([
    ...notices.map((notice) => (notice.kind === 'escalated' ? `${notice.tenant}/${notice.address?.key}` : '')),
    ...operations.map(({ tenant, handler, args }) =>
      handler.startsWith('bear') ? `${tenant}/${String(args[1])}` : '',
    ),
  ]);
  for (const notice of notices) {
    if (notice.kind !== 'restart' || notice.address?.type !== 'phoenix' || notice.untilMs === undefined) continue;
    if (notice.reason.startsWith('with its sibling')) continue; // ordered by a strategy: it does not count
    const name = `${notice.tenant}/${notice.address.key}`;
    if (beginsAnew.has(name)) continue;
    ends.set(name, [...(ends.get(name) ?? []).filter((endMs) => endMs !== notice.untilMs), notice.untilMs]); // it may come twice
  }
  const [shortestMs, longestMs] = PHOENIX.backoffMs;
  return [...ends].flatMap(([name, times]) => {
    times.sort((a, b) => a - b);
    const isTooMany = times.some((endMs, index) => {
      const firstMs = times[index - PHOENIX.intensity];
      return firstMs !== undefined && endMs - shortestMs - (firstMs - longestMs) < PHOENIX.periodMs;
    });
    return isTooMany ? [{ check: 'supervision', text: `phoenix ${name} restarts more often than it may` }] : [];
  });
}

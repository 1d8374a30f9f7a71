/**
 * An effect thread: loads the actors' modules, lazy effects included, and runs one attempt per task,
 * many at a time. It is unguarded: this is where the world is. An attempt that is aborted answers at
 * once, whatever the user's function does with its signal, so that its place is free again.
 *
 * User code that rejects or throws beside its promise is reported and goes on: it would take down
 * the attempts of others.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, threadId, workerData } from 'node:worker_threads';
import { SynapseError } from '../base/error.ts';
import { type EffectDefinition, resolveEffectOptions } from '../actor/effect-definition.ts';
import type { Registry } from '../actor/kernel-config.ts';
import { type AttemptResult, failureBytes, runAttempt, thrown } from '../host/effect-attempt.ts';
import { loadRegistry } from '../host/modules.ts';
import type {
  AbortMessage,
  AttemptTask,
  BegunMessage,
  EffectDescription,
  EffectModules,
  EffectName,
  FaultMessage,
} from './effect-protocol.ts';

function report(what: string, reason: unknown): void {
  const { name, message } = thrown(reason);
  parentPort?.postMessage({
    kind: 'effect-fault',
    message: `${what} in an effect thread: ${name}: ${message}`,
  } satisfies FaultMessage);
}
process.on('unhandledRejection', (reason) => report('unhandled rejection', reason));
process.on('uncaughtException', (error) => report('uncaught exception', error));

let loading: Promise<Registry> | undefined;

/** The effect of that version, or of the newest where that version is not loaded any more. */
async function definitionOf({ type, version, effect }: EffectName): Promise<EffectDefinition> {
  const { actors, previous } = workerData as EffectModules;
  loading ??= loadRegistry(actors, previous, 'read');
  const registry = await loading;
  const actor = registry.resolve(type, version) ?? registry.newest(type);
  if (actor === undefined) throw new SynapseError('UNKNOWN_ACTOR', `no actor type '${type}' is loaded`, { type });
  const effects = await actor.effectLoader();
  const definition = Object.hasOwn(effects, effect) ? effects[effect] : undefined;
  if (definition === undefined)
    throw new SynapseError('INVALID_ARGUMENT', `actor '${type}' has no effect '${effect}'`, { argument: 'name' });
  return definition;
}

/** Task: the options of an effect. Never rejects, so that a rejection always means the thread's death. */
export async function describeEffect(name: EffectName): Promise<EffectDescription> {
  try {
    const { options } = await definitionOf(name);
    return { options: resolveEffectOptions(`actor '${name.type}'`, `effects.${name.effect}`, options) };
  } catch (error) {
    const { name: kind, message } = thrown(error);
    return { fault: kind === 'Error' || kind === 'SynapseError' ? message : `${kind}: ${message}` };
  }
}

/** Task: one attempt. Never rejects. */
export async function attemptEffect(task: AttemptTask): Promise<AttemptResult> {
  const { port, idempotencyKey, attempt } = task;
  const controller = new AbortController();
  const { signal } = controller;
  try {
    const aborted = new Promise<AttemptResult>((resolve) => {
      signal.addEventListener(
        'abort',
        () => resolve({ kind: 'thrown', name: 'AbortError', message: 'the attempt was aborted' }),
        { once: true },
      );
    });
    const { run } = await definitionOf(task);
    if (isAborted(port)) controller.abort();
    else {
      port.once('message', () => controller.abort());
      port.postMessage({ kind: 'begun', thread: threadId } satisfies BegunMessage);
    }
    if (signal.aborted) return await aborted;
    return exact(await Promise.race([aborted, runAttempt(task, run, { idempotencyKey, attempt, signal })]));
  } catch (error) {
    return { kind: 'refused', error: failureBytes(task, 0, thrown(error).message) };
  } finally {
    port.close();
  }
}

/** True when the abort came before the attempt began. */
function isAborted(port: MessagePort): boolean {
  const received = receiveMessageOnPort(port) as { message: AbortMessage } | undefined;
  return received?.message.kind === 'abort';
}

/** Bytes in memory of their own: cloning a view would copy all the memory that it looks into. */
function exact(result: AttemptResult): AttemptResult {
  return result.kind === 'value' ? { kind: 'value', value: new Uint8Array(result.value) } : result;
}

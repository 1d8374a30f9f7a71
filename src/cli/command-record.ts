/**
 * One line of the input: `{"tenant","actor","key","call","args","id"?}`. Reads it strictly, so that a
 * misspelt `id`, which would cost exactly-once, is told and not ignored. Whether the tenant, actor and
 * handler exist and may be called so is the system's to say, as a result; here only the shape counts.
 */
import { fromJson, type Json } from './json-value.ts';

/** A command as the input names it. */
export interface CommandRecord {
  readonly tenant: string;
  /** The actor's type. */
  readonly actor: string;
  readonly key: string;
  /** The handler: a command or a query. */
  readonly call: string;
  readonly args: readonly unknown[];
  /** The idempotency key. */
  readonly id?: string;
}

/** A command, or in words what is wrong with the line. */
export type ReadRecord = { readonly record: CommandRecord } | { readonly fault: string };

const TEXT_FIELDS = ['tenant', 'actor', 'key', 'call'] as const;
const FIELDS: ReadonlySet<string> = new Set([...TEXT_FIELDS, 'args', 'id']);

/** Longest foreign text repeated in a fault: enough to find the place, too short to flood a terminal. */
const QUOTED_CHARS = 40;

/** Reads one line without its line end. Never throws. */
export function readRecord(text: string): ReadRecord {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { fault: 'not JSON' }; // the engine's own message differs between Node versions and quotes the input at length
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return { fault: `expected an object, got ${nameOf(json)}` };
  const fields = json as Readonly<Record<string, Json>>;
  const unknown = Object.keys(fields).find((name) => !FIELDS.has(name));
  if (unknown !== undefined)
    return { fault: `unknown field ${quote(unknown)}; known are tenant, actor, key, call, args, id` };
  for (const name of TEXT_FIELDS) {
    if (typeof fields[name] !== 'string') return { fault: `"${name}" must be a string, got ${nameOf(fields[name])}` };
  }
  if (!Array.isArray(fields['args'])) return { fault: `"args" must be an array, got ${nameOf(fields['args'])}` };
  if (fields['id'] !== undefined && typeof fields['id'] !== 'string')
    return { fault: `"id" must be a string, got ${nameOf(fields['id'])}` };
  try {
    const args = (fields['args'] as readonly Json[]).map((argument) => fromJson(argument));
    return { record: { ...(fields as unknown as CommandRecord), args } };
  } catch (error) {
    return { fault: `"args": ${(error as Error).message}` };
  }
}

function nameOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function quote(text: string): string {
  return JSON.stringify(text.length > QUOTED_CHARS ? `${text.slice(0, QUOTED_CHARS)}…` : text);
}

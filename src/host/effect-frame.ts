/**
 * What a lane's frame asks of the world: an effect to be run, or one to be ended, and the name under which
 * attempts at it run. Threads, tests and the simulator read these frames alike.
 */
import { decodeValue } from '../frame/codec.ts';
import { decodeExtension } from '../frame/extension.ts';
import { type Frame } from '../frame/frame.ts';
import type { EffectRequest } from './effect-attempt.ts';
import { FLAG_RESEND } from './lane-frame.ts';

function effectName(tenant: string, effectId: string): string {
  return JSON.stringify([tenant, effectId]);
}

/** Tenant and id of an effect, from the name under which it runs. */
export function effectParts(name: string): [tenant: string, effectId: string] {
  return JSON.parse(name) as [string, string];
}

/** The effect that a lane asks for. */
export function requestedEffect(frame: Frame): EffectRequest {
  const [effectId, version, input] = decodeValue(frame.payload) as [string, number, Uint8Array];
  const { tenant, type, key } = frame.target;
  return {
    id: effectName(tenant, effectId),
    tenant,
    type,
    key,
    version,
    effect: frame.handler,
    input,
    idempotencyKey: decodeExtension(frame.extension).idempotencyKey ?? '',
    afterRestart: (frame.flags & FLAG_RESEND) !== 0,
  };
}

/** The name of the effect that a lane takes back. */
export function cancelledEffect(frame: Frame): string {
  return effectName(frame.target.tenant, frame.handler);
}

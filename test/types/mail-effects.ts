/**
 * A module of effects, as a definition loads it lazily. It exports other things beside them.
 */
import { effect, type EffectDefinition } from 'synapse-actors';

/** No effect: a loader must not offer it. */
export const SENDER_ADDRESS: string = 'desk@example.org';

export const mail: EffectDefinition<{ readonly to: string }, { readonly id: string }> = effect(
  async (input: { readonly to: string }) => ({ id: `${SENDER_ADDRESS} to ${input.to}` }),
  { retries: 1 },
);

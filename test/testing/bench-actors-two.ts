/** Version 2 of the bench actor: the log is kept as text, and a note says so. */
import { actor } from 'synapse-actors';

export const desk = actor('desk', {
  version: 2,
  state: () => ({ text: '' }),
  migrate: { 1: (old) => ({ text: (old['log'] as [unknown, number][]).map(([what]) => String(what)).join(' ') }) },
  commands: {
    note(ctx, what: unknown): string {
      ctx.state.text = `${ctx.state.text} +${String(what)}`;
      return ctx.state.text;
    },
  },
  queries: { text: (ctx): string => ctx.state.text },
});

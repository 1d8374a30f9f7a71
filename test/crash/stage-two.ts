/** Version 2 of `stage`: counts in tens; its migration and its own turns can be stopped in the middle. */
import { appendFileSync, existsSync } from 'node:fs';
import { actor } from 'synapse-actors';

export const stage = actor('stage', {
  version: 2,
  state: () => ({ tens: 0, migrations: 0 }),
  commands: {
    bump(ctx): number {
      ctx.state.tens += 10;
      return ctx.state.tens;
    },
  },
  queries: {
    all: (ctx) => ({ ...ctx.state }),
  },
  migrate: {
    1: (old) => {
      const file = String(old['file']);
      appendFileSync(`${file}.migrate`, 'migrate\n');
      while (existsSync(`${file}.migrate.hold`));
      return { tens: Number(old['count']) * 10, migrations: Number(old['migrations'] ?? 0) + 1 };
    },
  },
});

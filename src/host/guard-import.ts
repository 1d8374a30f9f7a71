/**
 * `import()` inside a turn. A module that is loaded already would arrive within the turn, one that is not
 * would leave it waiting: what happens would depend on what this thread did before. No global can be
 * replaced to forbid it, so the turn is failed for it, whatever came of the import and whoever caught it.
 *
 * Node 22 and later publish each `import()` on a channel, at once. Node 20 does not; there its resolver
 * asks the URL that it has made for its protocol, through the same getter as everybody. It asks once for
 * each name in each module and then remembers, so that there the first import of a name alone is seen.
 */
import { tracingChannel } from 'node:diagnostics_channel';
import { SynapseError } from '../base/error.ts';
import { callerOf } from './guard-authority.ts';
import { disguise, type Placement } from './guard-seal.ts';

/** What the guard asks of the thread. */
export interface ImportSource {
  /** Fails the turn that runs; outside of turns it does nothing. */
  spoil(fault: SynapseError): void;
  isInTurn(): boolean;
  where(): string;
}

/** The first Node with the channel. */
const CHANNEL_SINCE_MAJOR = 22;

const RESOLVER = 'node:internal/modules/esm/resolve';

/** Watches every `import()` of the thread from now on. */
export function guardImport(source: ImportSource, place: Placement): void {
  const found = (): void => {
    const what = 'import()';
    const where = source.where();
    // Without the module's name: each Node knows another form of it, and the message is part of the outcome.
    const message = `${what} is not available in ${where}: import at the top of the module, or in an effect`;
    source.spoil(new SynapseError('AMBIENT_AUTHORITY', message, { what, where }));
  };
  if (Number.parseInt(process.versions.node, 10) >= CHANNEL_SINCE_MAJOR) {
    tracingChannel('module.import').start.subscribe(() => {
      if (source.isInTurn()) found();
    });
    return;
  }
  const real = Object.getOwnPropertyDescriptor(URL.prototype, 'protocol')?.get as (this: unknown) => string;
  const protocol = function (this: URL): string {
    if (source.isInTurn() && callerOf(protocol as never) === RESOLVER) found();
    return real.call(this);
  };
  place.getter(URL.prototype, 'protocol', disguise(protocol, 'get protocol', 0) as (this: unknown) => unknown);
}

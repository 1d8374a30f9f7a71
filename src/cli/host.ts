/**
 * What the command line asks of Synapse, as a port. `synapse-host.ts` is the real one; tests of the
 * commands hand in doubles.
 */
import type { StoreReport } from '../offline.ts';
import type { ReceiptOrder, WrittenReceipt } from '../replay/receipt-writer.ts';
import type { CommandPort } from './runner.ts';

/** Settings of `synapse run` for the system; what is missing takes the default of `createSystem`. */
export interface SystemSettings {
  readonly actors: readonly URL[];
  /** Missing: in memory. */
  readonly dataDir?: string;
  readonly lanes?: number;
  readonly shards?: number;
  readonly turnTimeoutMs?: number;
  readonly callTimeoutMs?: number;
  /** Must be as the data directory was made. */
  readonly encryption?: boolean;
  /** Checked by the system, not here. */
  readonly grants?: readonly unknown[];
}

/** A running system, as far as a run needs it. */
export interface RunSystem extends CommandPort {
  tenants(): Promise<readonly { readonly tenant: string; readonly stateRoot: Uint8Array }[]>;
  /** Calls answered from the idempotency table since the system was opened. */
  repeats(): Promise<number>;
  close(): Promise<void>;
}

/** The way in. Everything rejects with `SynapseError`. */
export interface Host {
  openSystem(settings: SystemSettings): Promise<RunSystem>;
  /** Reads a store that nothing has open. */
  inspectStore(dataDir: string): Promise<StoreReport>;
  /** Copies a store that nothing has open. */
  backupStore(dataDir: string, to: string): Promise<void>;
  /** Writes the receipt of an entry of a store that nothing has open. */
  writeReceipt(order: ReceiptOrder): Promise<WrittenReceipt>;
}

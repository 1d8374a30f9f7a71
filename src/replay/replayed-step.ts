/**
 * One step as a replay leaves it: what was recorded of it and what the kernel made of it. What is told of
 * it to people is made from here, and only when somebody asks.
 */
import { type StepBody, decodeRecord, digestOfRecord } from '../actor/record.ts';
import { Frame } from '../frame/frame.ts';
import type { JournalRecord } from '../store/journal.ts';
import { type ReplayInput, inputOf } from './step-input.ts';
import { type ReplayOutcome, outcomeOf } from './step-outcome.ts';
import type { StepReport } from './replay-protocol.ts';

export class ReplayedStep {
  readonly seq: number;
  readonly tenant: string;
  /** As the log has it, and as the record gives it. */
  readonly leafHash: Uint8Array;
  readonly report: StepReport;
  readonly #body: Uint8Array;
  #record: StepBody | undefined;
  #input: ReplayInput | undefined;
  #outcome: ReplayOutcome | undefined;

  constructor(tenant: string, { seq, body, leaf }: JournalRecord, report: StepReport) {
    this.seq = seq;
    this.tenant = tenant;
    this.leafHash = leaf;
    this.report = report;
    this.#body = body;
  }

  /** What was recorded. */
  get record(): StepBody {
    return (this.#record ??= decodeRecord(this.#body));
  }

  /** Whether the step did something else than was recorded. */
  get differs(): boolean {
    return Buffer.compare(digestOfRecord(this.#body), this.report.digest) !== 0;
  }

  get input(): ReplayInput {
    return (this.#input ??= inputOf(this.tenant, this.record, this.report.cause(), this.report.nowMs));
  }

  get outcome(): ReplayOutcome {
    return (this.#outcome ??= outcomeOf(this.tenant, new Frame(this.record.frame), this.report));
  }
}

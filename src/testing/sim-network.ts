/**
 * A simulated network: links between named ends, each first in, first out unless its faults say
 * otherwise. Packets may be lost, come twice, be delayed, overtake one another, or wait behind a
 * partition; what is faulty on which link is asked for each packet. One network carries what lanes and
 * embedder send each other inside a host, and will carry the mesh.
 *
 * Between the threads of one host the rings lose and reorder nothing, and the protocols over them rely
 * on that: a host uses `duplicate` and `delay` alone there. A ring's content is lost with its lane, which
 * is `cut`.
 */
import type { Chance } from './chance.ts';

/** Probabilities, 0 to 1, for each packet of a link; all 0 where left out. */
export interface LinkFaults {
  /** It never arrives. */
  readonly loss?: number;
  /** It arrives twice, the second time later. */
  readonly duplicate?: number;
  /** It, and on an ordered link what is behind it, waits up to `delayTicks`. */
  readonly delay?: number;
  readonly delayTicks?: number;
  /** It may be overtaken by what was sent after it. */
  readonly reorder?: number;
}

interface Packet {
  readonly bytes: Uint8Array;
  /** The tick from which on it can arrive. */
  readonly dueTick: number;
  /** It waits for nobody, and nobody waits for it. */
  readonly isLoose: boolean;
}

/** A direction between two ends. */
export interface SimulatedLink {
  readonly from: string;
  readonly to: string;
}

interface LinkQueue extends SimulatedLink {
  readonly packets: Packet[];
}

/** Longest wait of a delayed packet where its link does not say, in ticks. */
const DELAY_TICKS = 20;

export class SimulatedNetwork {
  readonly #chance: Chance;
  readonly #faultsOf: (link: SimulatedLink) => LinkFaults;
  readonly #links: Map<string, LinkQueue> = new Map();
  readonly #partitions: Set<string> = new Set();
  #tick = 0;

  constructor(chance: Chance, faultsOf: (link: SimulatedLink) => LinkFaults = () => ({})) {
    this.#chance = chance;
    this.#faultsOf = faultsOf;
  }

  /** Sends a copy of `bytes`. */
  send(from: string, to: string, bytes: Uint8Array): void {
    const link = this.#linkOf(from, to);
    const faults = this.#faultsOf(link);
    const isHit = (rate: number | undefined): boolean => rate !== undefined && rate > 0 && this.#chance.happens(rate);
    if (isHit(faults.loss)) return;
    const wait = (): number => this.#tick + 1 + this.#chance.below(faults.delayTicks ?? DELAY_TICKS);
    const dueTick = isHit(faults.delay) ? wait() : this.#tick;
    link.packets.push({ bytes: bytes.slice(), dueTick, isLoose: isHit(faults.reorder) });
    if (isHit(faults.duplicate)) link.packets.push({ bytes: bytes.slice(), dueTick: wait(), isLoose: true });
  }

  /** One tick goes by. */
  pass(): void {
    this.#tick += 1;
  }

  /** Links on which something can arrive now, in a fixed order. */
  ready(): readonly SimulatedLink[] {
    return [...this.#links.values()].filter((link) => this.#nextOf(link) >= 0);
  }

  /** True while anything is on its way, behind a partition or not. */
  get isBusy(): boolean {
    return [...this.#links.values()].some(({ packets }) => packets.length > 0);
  }

  /** Takes what arrives next on a link. */
  receive(link: SimulatedLink): Uint8Array | undefined {
    const queue = this.#linkOf(link.from, link.to);
    const at = this.#nextOf(queue);
    return at < 0 ? undefined : queue.packets.splice(at, 1)[0]?.bytes;
  }

  /** Takes everything on its way on a link, whatever held it up. */
  drain(from: string, to: string): Uint8Array[] {
    return this.#linkOf(from, to)
      .packets.splice(0)
      .map(({ bytes }) => bytes);
  }

  /** Nothing passes between the two ends, either way, until `heal`. Nothing is lost by it. */
  partition(a: string, b: string): void {
    this.#partitions.add(pairOf(a, b));
  }

  heal(a: string, b: string): void {
    this.#partitions.delete(pairOf(a, b));
  }

  /** An end is gone: what was on its way to it, and where `bothWays` from it, is lost. */
  cut(end: string, bothWays: boolean): void {
    for (const link of this.#links.values()) {
      if (link.to === end || (bothWays && link.from === end)) link.packets.length = 0;
    }
  }

  /** Everything on its way is lost. */
  clear(): void {
    for (const link of this.#links.values()) link.packets.length = 0;
  }

  #linkOf(from: string, to: string): LinkQueue {
    const name = `${from}\0${to}`;
    let link = this.#links.get(name);
    if (link === undefined) {
      link = { from, to, packets: [] };
      this.#links.set(name, link);
    }
    return link;
  }

  /** Index of the packet that can arrive next, -1 for none. Loose ones wait for nobody. */
  #nextOf(link: LinkQueue): number {
    if (this.#partitions.has(pairOf(link.from, link.to))) return -1;
    let isBlocked = false;
    for (const [at, { dueTick, isLoose }] of link.packets.entries()) {
      if (dueTick <= this.#tick && (isLoose || !isBlocked)) return at;
      if (!isLoose) isBlocked = true;
    }
    return -1;
  }
}

function pairOf(a: string, b: string): string {
  return a < b ? `${a}\0${b}` : `${b}\0${a}`;
}

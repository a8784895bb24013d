import { type PhaseName, PHASES } from "../../src/phases/engine.ts";
import type { Communicator, Leases } from "../../src/training/communicator.ts";
import { LIFE, LIFE_WORDS } from "../life_words.ts";
import { ACTIVITIES, type Activity } from "../protocol.ts";

/** What the main thread is doing, in memory that the comm worker beats from. */
export class Life {
  readonly words: Int32Array<SharedArrayBuffer> = new Int32Array(
    new SharedArrayBuffer(LIFE_WORDS * 4),
  );

  constructor() {
    this.#set("phase", -1);
    this.activity = "opening";
  }

  get step(): number {
    return Atomics.load(this.words, LIFE.step);
  }

  get phase(): PhaseName | undefined {
    return PHASES[Atomics.load(this.words, LIFE.phase)];
  }

  /** Highest sequence of the commands taken. */
  get seen(): number {
    return Atomics.load(this.words, LIFE.seen);
  }

  set seen(sequence: number) {
    this.#set("seen", sequence);
  }

  set activity(activity: Activity) {
    this.#set("activity", ACTIVITIES.indexOf(activity));
    this.tick();
  }

  /** Proof of progress. */
  tick(): void {
    Atomics.add(this.words, LIFE.ticks, 1);
  }

  startPhase(phase: PhaseName): void {
    this.#set("step", 0);
    this.#set("phase", PHASES.indexOf(phase));
    this.activity = "compiling";
  }

  /** The ranks that are left begin to count their collectives anew. */
  regroup(): void {
    this.#set("entered", 0);
    this.#set("finished", 0);
    this.activity = "compiling";
  }

  /** After a step; without a new step it is progress of an evaluation. */
  onStep(step: number): void {
    const trained = step >= 0 && step !== this.step;
    if (trained) this.#set("step", step);
    this.activity = trained ? "training" : "evaluating";
  }

  /** Counts the collectives that the main thread enters and leaves. */
  observe(communicator: Communicator, leases?: Leases): Communicator {
    const { words } = this;
    const count = async (collective: Promise<void>) => {
      Atomics.add(this.words, LIFE.entered, 1);
      await collective;
      Atomics.add(this.words, LIFE.finished, 1);
    };
    return {
      rank: communicator.rank,
      size: communicator.size,
      ...(leases === undefined ? {} : { leases }),
      get roundTripMs() {
        return Atomics.load(words, LIFE.roundTrip) / 1000;
      },
      allocate: (length) => communicator.allocate(length),
      allReduce: (buffer) => count(communicator.allReduce(buffer)),
      allReduceBlocks: (blocks, carry) =>
        count(communicator.allReduceBlocks(blocks, carry)),
      allGather: (buffer, offsets) =>
        count(communicator.allGather(buffer, offsets)),
      broadcast: (buffer, root) => count(communicator.broadcast(buffer, root)),
      barrier: () => count(communicator.barrier()),
    };
  }

  #set(word: keyof typeof LIFE, value: number): void {
    Atomics.store(this.words, LIFE[word], value);
  }
}

import type { Env } from "../../src/env/mod.ts";
import type { Communicator, Leases } from "../../src/training/communicator.ts";
import {
  CollectiveTimeoutError,
  type CommWorker,
  type JoinOptions,
  RankFailedError,
} from "../communicator/mod.ts";
import type { Regroup } from "../protocol.ts";
import type { Life } from "./life.ts";

/** How the ranks meet, each time. */
export interface Meeting extends
  Pick<
    JoinOptions,
    "link" | "tuning" | "deadlineMs" | "algorithm"
  > {
  /** Of those who meet; left out, they divide all work in advance. */
  leases?: (world: { generation: number; size: number }) => Leases;
}

/** How long a failed exchange waits for the coordinator's word, in ms. */
const VERDICT_MS = 20_000;

export interface MembershipOptions {
  env: Pick<Env, "timers">;
  /** This rank's name for good. */
  rank: number;
  size: number;
  worker: CommWorker;
  life: Life;
}

/** The ranks that this one trains with, as the coordinator changes them. */
export class Membership {
  generation = 1;
  /** Names of the ranks, by rank in the communicator. */
  members: readonly number[];
  readonly #options: MembershipOptions;
  #ordered: Regroup | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.members = Array.from({ length: options.size }, (_, rank) => rank);
  }

  /** This rank among the members. */
  get place(): number {
    return this.members.indexOf(this.#options.rank);
  }

  /** A change was ordered that this rank has not made yet. */
  get changes(): boolean {
    return this.#ordered !== undefined;
  }

  /** Ends all exchanges of those who were members until now. */
  order(regroup: Regroup): void {
    this.#ordered = regroup;
    this.#options.worker.abort(regroup.reason);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** Meets the members. */
  async join({ leases, ...meeting }: Meeting): Promise<Communicator> {
    const { worker, life } = this.#options;
    const { members, generation } = this;
    return life.observe(
      await worker.join({ ...meeting, members, generation }),
      leases?.({ generation, size: members.length }),
    );
  }

  /**
   * Meets those whom the coordinator names: after a failed exchange those who are
   * left, before a phase those who run it. Nothing if it names nobody in time.
   */
  async rejoin(meeting: Meeting): Promise<Communicator | undefined> {
    const { env, life } = this.#options;
    while (true) {
      if (this.#ordered === undefined) {
        await Promise.race([
          this.#wake.promise,
          env.timers.sleep(VERDICT_MS),
        ]);
      }
      const ordered = this.#ordered;
      if (ordered === undefined) return undefined;
      this.#ordered = undefined;
      this.members = ordered.members;
      this.generation = ordered.generation;
      life.regroup();
      try {
        return await this.join(meeting);
      } catch (error) {
        // One more may be lost while they meet.
        if (!isConsequence(error)) throw error;
      }
    }
  }
}

/** Whether an error is that of another rank. */
export function isConsequence(error: unknown): boolean {
  return error instanceof CollectiveTimeoutError ||
    error instanceof RankFailedError;
}

import {
  LinkCommunicator,
  RankFailedError,
} from "../../cluster/communicator/mod.ts";
import { MemoryNetwork } from "../../cluster/links/mod.ts";
import { fence } from "../../cluster/rank/fence.ts";
import { type Disk, realEnv } from "../../src/env/mod.ts";
import { openEngine, type PhaseName } from "../../src/phases/mod.ts";
import type { Communicator } from "../../src/training/mod.ts";
import { tinyConfig } from "./tiny_engine.ts";

/** A rank dies in its `exchange`-th exchange of a phase, from 0. */
export interface Death {
  rank: number;
  phase: PhaseName;
  exchange: number;
}

class Dead extends Error {}

/**
 * Ranks in this process, joined in memory, of which some die. Like a coordinator it
 * tells the others at once who is left, and has a phase run again where one of
 * them has not come to its end.
 */
class MortalWorld {
  /** What each rank has exchanged in the phase in progress. */
  readonly exchanges: (keyof Communicator)[][];
  /** The ranks that live. */
  members: number[];
  #done = new Set<number>();
  #generation = 1;
  #met: Meeting;
  #over = Promise.withResolvers<boolean>();
  #phase: PhaseName | undefined;
  readonly #deaths: readonly Death[];

  constructor(size: number, deaths: readonly Death[]) {
    this.members = Array.from({ length: size }, (_, rank) => rank);
    this.exchanges = this.members.map(() => []);
    this.#deaths = deaths;
    this.#met = meet(this.members, this.#generation);
  }

  /** The communicator of a rank among those who live. */
  communicator(rank: number): Communicator {
    const inner = this.#met.communicators.get(rank)!;
    const at = <T>(name: keyof Communicator, work: () => Promise<T>) => {
      const exchange = this.exchanges[rank]!.push(name) - 1;
      const dies = this.#deaths.some((death) =>
        death.rank === rank && death.phase === this.#phase &&
        death.exchange === exchange
      );
      if (!dies) return work();
      this.#lose(rank);
      return Promise.reject(new Dead());
    };
    return {
      rank: inner.rank,
      size: inner.size,
      allocate: (length) => inner.allocate(length),
      allReduce: (buffer) => at("allReduce", () => inner.allReduce(buffer)),
      allReduceBlocks: (blocks, carry) =>
        at("allReduceBlocks", () => inner.allReduceBlocks(blocks, carry)),
      allGather: (buffer, offsets) =>
        at("allGather", () => inner.allGather(buffer, offsets)),
      broadcast: (buffer, root) =>
        at("broadcast", () => inner.broadcast(buffer, root)),
      barrier: () => at("barrier", () => inner.barrier()),
    };
  }

  /** The disk of a rank, which does not write any more when it is dead. */
  disk(rank: number): Disk {
    return fence(realEnv.disk, {
      clock: realEnv.clock,
      // It is asked each time.
      leaseMs: -1,
      ask: () =>
        this.members.includes(rank)
          ? Promise.resolve()
          : Promise.reject(new Dead()),
    });
  }

  /** Resolves when all who are left have come here. */
  async regroup(rank: number, error: unknown): Promise<Communicator> {
    if (!this.members.includes(rank)) throw new Dead();
    const met = this.#met;
    met.here.add(rank);
    if (this.members.every((member) => met.here.has(member))) {
      met.all.resolve();
    }
    await met.all.promise;
    // Another one was lost meanwhile.
    return met === this.#met
      ? this.communicator(rank)
      : await this.regroup(rank, error);
  }

  start(rank: number, phase: PhaseName): void {
    this.#phase = phase;
    this.exchanges[rank] = [];
  }

  /** A rank has come to the phase's end; false = all must meet again. */
  async end(rank: number): Promise<boolean> {
    this.#done.add(rank);
    const over = this.#over;
    this.#endIfAll();
    return await over.promise;
  }

  close(): void {
    this.#met.close();
  }

  #endIfAll(): void {
    if (!this.members.every((member) => this.#done.has(member))) return;
    this.#done.clear();
    this.#over.resolve(true);
    this.#over = Promise.withResolvers();
  }

  #lose(rank: number): void {
    this.members = this.members.filter((member) => member !== rank);
    const before = this.#met;
    this.#met = meet(this.members, ++this.#generation);
    before.fail(new RankFailedError("it was killed", rank));
    before.all.resolve();
    this.#done.clear();
    this.#over.resolve(false);
    this.#over = Promise.withResolvers();
  }
}

interface Meeting {
  communicators: Map<number, LinkCommunicator>;
  here: Set<number>;
  all: PromiseWithResolvers<void>;
  fail(error: Error): void;
  close(): void;
}

function meet(members: readonly number[], generation: number): Meeting {
  const network = new MemoryNetwork({
    size: members.length,
    timers: realEnv.timers,
  });
  const communicators = new Map(members.map((member, place) => [
    member,
    new LinkCommunicator({
      link: network.link(place),
      world: { run: 1, generation },
      env: realEnv,
      warnAfterMs: 60_000,
      deadlineMs: 120_000,
      onWarning: () => {},
    }),
  ]));
  const fail = (error: Error) => {
    for (const { exchange } of communicators.values()) exchange.fail(error);
  };
  return {
    communicators,
    here: new Set(),
    all: Promise.withResolvers(),
    fail,
    close() {
      fail(new Error("the world is closed"));
      network.close();
    },
  };
}

/** What is left of a run with deaths. */
export interface MortalRun {
  metrics: Record<string, unknown>[];
  /** What the last rank that lives has exchanged in each phase. */
  exchanges: Partial<Record<PhaseName, readonly (keyof Communicator)[]>>;
  /** The ranks that live. */
  left: readonly number[];
}

/** Runs phases on ranks in this process, some of which die. */
export async function runMortal(options: {
  ranks: number;
  deaths: readonly Death[];
  folder: string;
  data: string;
  phases: readonly PhaseName[];
  config: Record<string, unknown>;
}): Promise<MortalRun> {
  const { ranks, deaths, folder, data, phases } = options;
  const config = tinyConfig(data, options.config);
  await Deno.mkdir(folder, { recursive: true });
  const world = new MortalWorld(ranks, deaths);
  const exchanges: MortalRun["exchanges"] = {};
  const live = async (rank: number) => {
    using engine = await openEngine({
      env: { ...realEnv, disk: world.disk(rank) },
      config,
      communicator: world.communicator(rank),
      regroup: (error) => world.regroup(rank, error),
      runFolder: folder,
      cacheFolder: `${folder}/cache`,
      form: "register",
      stopRequested: () => false,
      onProgress: () => {},
      onStep: () => {},
      log: () => {},
    });
    for (const phase of phases) {
      world.start(rank, phase);
      while (true) {
        await engine.runPhase(phase);
        if (await world.end(rank)) break;
        await engine.rejoin();
      }
      exchanges[phase] = world.exchanges[rank]!;
    }
  };
  await Promise.all(
    Array.from({ length: ranks }, (_, rank) =>
      live(rank).catch((error) => {
        if (!(error instanceof Dead)) throw error;
      })),
  );
  world.close();
  const text = await Deno.readTextFile(`${folder}/metrics.jsonl`);
  return {
    exchanges,
    left: world.members,
    metrics: text.trim().split("\n").map((line) => JSON.parse(line)),
  };
}

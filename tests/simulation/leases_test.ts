import { deepStrictEqual, ok } from "node:assert";
import {
  type Action,
  advance,
  type ClusterEvent,
  deal,
  initialState,
  type State,
} from "../../cluster/coordinator/mod.ts";
import { RankLeases } from "../../cluster/rank/leases.ts";
import type { Answer, Report } from "../../cluster/protocol.ts";
import {
  type Communicator,
  Division,
  type PartRows,
  SharedRows,
  silentCommunicator,
} from "../../src/training/mod.ts";
import { uniform } from "../helpers/mod.ts";

/** One that fails is replayed by its number alone. */
const SEEDS = 500;
const WIDTH = 2;
const BATCH = 3;
/** Pieces of work, one after the other. */
const WORKS = 2;

type Unclocked<T> = T extends unknown ? Omit<T, "at"> : never;

class Dead extends Error {}
class Lost extends Error {}

/** Ranks of one generation: an exchange ends when all have come to it. */
class Meeting {
  readonly members: readonly number[];
  readonly #here = new Map<
    number,
    { buffer: Float32Array; done: PromiseWithResolvers<void> }
  >();
  #over = false;

  constructor(members: readonly number[]) {
    this.members = members;
  }

  gather(
    place: number,
    buffer: Float32Array,
    offsets: readonly number[],
  ): Promise<void> {
    if (this.#over) return Promise.reject(new Lost());
    const done = Promise.withResolvers<void>();
    this.#here.set(place, { buffer, done });
    if (this.#here.size === this.members.length) {
      for (const [from, { buffer: own }] of this.#here) {
        const part = own.slice(offsets[from], offsets[from + 1]);
        for (const { buffer } of this.#here.values()) {
          buffer.set(part, offsets[from]);
        }
      }
      for (const { done } of this.#here.values()) done.resolve();
      this.#here.clear();
    }
    return done.promise;
  }

  fail(): void {
    this.#over = true;
    for (const { done } of this.#here.values()) done.reject(new Lost());
  }
}

/** The real core, leases and rows among ranks of which some die, by seed. */
class LeasingWorld {
  readonly rows: number;
  readonly size: number;
  /** Who has computed each part of each piece, `[work][part]`. */
  readonly computed: number[][][];
  /** Pieces that were begun, of any generation. */
  begun = 0;
  readonly #next: () => number;
  /** A rank dies in its so manieth exchange or part. */
  readonly #deaths = new Map<number, number>();
  readonly #meetings = new Map<number, Meeting>();
  /** Generation that each rank was told of. */
  readonly #told: number[];
  #state: State;
  #events = 0;
  #now = 0;

  constructor(seed: number) {
    const next = this.#next = uniform(seed);
    this.size = this.#pick(1, 5);
    const parts = this.#pick(4 * this.size, 40);
    // The last part may have fewer rows.
    this.rows = parts * BATCH - this.#pick(0, BATCH - 1);
    this.computed = Array.from(
      { length: WORKS },
      () => Array.from({ length: parts }, () => []),
    );
    for (let rank = 0; rank < this.size - 1; rank++) {
      if (next() < 0.4) this.#deaths.set(rank, this.#pick(0, 2 * parts));
    }
    const everyone = Array.from({ length: this.size }, (_, rank) => rank);
    this.#told = everyone.map(() => 1);
    this.#meetings.set(1, new Meeting(everyone));
    this.#state = initialState({
      at: 0,
      size: this.size,
      phases: ["selfTrain"],
      version: "v",
      config: "c",
      allowShared: true,
      onRankLoss: "continue",
    });
    const uuid = "00000000-0000-0000-0000-000000000001";
    for (const rank of everyone) {
      this.#submit({
        kind: "hello",
        hello: {
          kind: "hello",
          rank,
          host: "h",
          pid: rank,
          version: "v",
          config: "c",
          deno: "2",
          gpu: { kind: "cpu", uuid, vendor: 1, device: 1, driver: uuid },
        },
      });
    }
    for (const rank of everyone) {
      this.#submit({
        kind: "ready",
        ready: {
          kind: "ready",
          rank,
          adapter: { name: "gpu", vendor: 1, device: 1, cpu: true },
          form: "tiled",
          data: "d",
          share: 1,
        },
      });
    }
  }

  /** All pieces, by each rank that lives to the end. */
  async run(): Promise<Map<number, Float32Array[]>> {
    const results = new Map<number, Float32Array[]>();
    await Promise.all(this.#told.map(async (_, rank) => {
      try {
        results.set(rank, await this.#live(rank));
      } catch (error) {
        if (!(error instanceof Dead)) throw error;
      }
    }));
    return results;
  }

  static expected(work: number, rows: number): Float32Array {
    return Float32Array.from(
      { length: rows * WIDTH },
      (_, i) => 1000 * work + i,
    );
  }

  async #live(rank: number): Promise<Float32Array[]> {
    const results: Float32Array[] = [];
    let kept: PartRows | undefined;
    while (true) {
      const generation = this.#told[rank]!;
      const communicator = this.#communicator(rank, generation);
      const shared = new SharedRows({
        communicator,
        division: Division.even(communicator),
        count: this.rows,
        width: WIDTH,
        batch: BATCH,
      });
      try {
        while (results.length < WORKS) {
          const work = results.length;
          const all = LeasingWorld.expected(work, this.rows);
          await shared.fill((first, end) => {
            this.#mayDie(rank);
            const range = [first * WIDTH, end * WIDTH] as const;
            shared.values.set(all.subarray(...range), range[0]);
            this.computed[work]![first / BATCH]!.push(rank);
          }, kept);
          results.push(shared.values.slice());
          kept = undefined;
        }
        return results;
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        kept = shared.own;
        while (this.#told[rank] === generation) await this.#turns(1);
      }
    }
  }

  #communicator(rank: number, generation: number): Communicator {
    const meeting = this.#meetings.get(generation)!;
    const place = meeting.members.indexOf(rank);
    const size = meeting.members.length;
    return {
      ...silentCommunicator(place, size),
      allGather: async (buffer, offsets) => {
        this.#mayDie(rank);
        await this.#turns(this.#pick(0, 5));
        await meeting.gather(place, buffer, offsets);
      },
      leases: new RankLeases({
        env: {
          clock: {
            now: () => this.#now += this.#next(),
            wall: () => this.#now,
          },
          timers: {
            sleep: () => this.#turns(this.#pick(1, 5)),
            after: () => () => {},
            every: () => () => {},
          },
        },
        reporter: { report: (request) => this.#report(request) },
        log: {
          write: (_, __, { work }) => this.begun = Math.max(this.begun, +work!),
        },
        rank,
        generation,
        size,
      }),
    };
  }

  /** Some questions are asked twice, and come again when they were answered. */
  async #report(report: Report): Promise<Answer> {
    ok(report.kind === "lease");
    const event = { kind: "lease", request: report } as const;
    const ask = async () => {
      await this.#turns(this.#pick(0, 5));
      return this.#submit(event)!;
    };
    if (this.#next() < 0.2) await ask();
    if (this.#next() < 0.2) this.#turns(30).then(() => this.#submit(event));
    return await ask();
  }

  #mayDie(rank: number): void {
    const left = this.#deaths.get(rank);
    if (left === undefined) return;
    this.#deaths.set(rank, left - 1);
    if (left > 0) return;
    this.#submit({ kind: "exited", rank, code: 137, signal: "SIGKILL" });
    throw new Dead();
  }

  #submit(event: Unclocked<ClusterEvent>): Answer | undefined {
    ok(++this.#events < 20_000, "it ends");
    const [state, actions] = advance(this.#state, { ...event, at: 1 });
    this.#state = state;
    let answer: Answer | undefined;
    for (const action of actions) {
      if (action.do === "answer") answer = action.answer;
      else this.#perform(action);
    }
    return answer;
  }

  #perform(action: Action): void {
    if (action.do !== "send" || action.command.order.kind !== "regroup") return;
    const { rank } = action;
    const { generation, members } = action.command.order;
    if (!this.#meetings.has(generation)) {
      this.#meetings.set(generation, new Meeting(members));
    }
    // Until they hear of it they ask as before.
    this.#turns(this.#pick(0, 20)).then(() => {
      const before = this.#told[rank]!;
      if (generation < before) return;
      this.#meetings.get(before)!.fail();
      this.#told[rank] = generation;
    });
  }

  async #turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await Promise.resolve();
  }

  #pick(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }
}

Deno.test("SharedRows lets ranks that are left go on with what they have, and leases the rest again", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const world = new LeasingWorld(seed);
      const results = await world.run();
      ok(results.size > 0, "somebody lives");
      for (const values of results.values()) {
        values.forEach((rows, work) =>
          deepStrictEqual(rows, LeasingWorld.expected(work, world.rows))
        );
      }
      if (results.size === world.size) {
        deepStrictEqual(world.begun, WORKS, "nothing is leased twice");
      }
      world.computed.flat().forEach((ranks) => {
        const left = ranks.filter((rank) => results.has(rank));
        ok(ranks.length > 0, "every part is computed");
        ok(left.length <= 1, "no two ranks that are left compute a part");
      });
    } catch (error) {
      (error as Error).message = `seed ${seed}: ${(error as Error).message}`;
      throw error;
    }
  }
});

Deno.test("deal() gives a slow rank so few parts that nobody waits for more than its last lease", () => {
  for (
    const [parts, ...partMs] of [[60, 1, 3], [200, 1, 1, 1, 9], [16, 2, 5]]
  ) {
    for (const most of [1, 4, 1000]) {
      const ranks = partMs.length;
      let piece = { generation: 1, work: 1, parts: parts!, next: 0 };
      const until = partMs.map(() => 0);
      while (piece.next < parts!) {
        const rank = until.indexOf(Math.min(...until));
        const count = deal(piece, { most, ranks });
        until[rank]! += count * partMs[rank]!;
        piece = { ...piece, next: piece.next + count };
      }
      const ideal = parts! /
        partMs.reduce((speed, ms) => speed + 1 / ms, 0);
      const even = parts! / ranks * Math.max(...partMs);
      const end = Math.max(...until);
      // The first lease of many parts is taken before anybody is known to be slow.
      const first = Math.min(most, Math.ceil(parts! / (2 * ranks)));
      const last = Math.min(
        Math.ceil(most / 10),
        Math.ceil(parts! / 4 / ranks),
      );
      const slow = Math.max(...partMs);
      ok(end <= Math.max(ideal + last * slow, first * slow), `${end} ms`);
      ok(end < 0.8 * even, `${end} of ${even} ms`);
    }
  }
});

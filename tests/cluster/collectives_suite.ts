import { deepStrictEqual, strictEqual } from "node:assert";
import * as fc from "fast-check";
import type { Communicator } from "../../src/training/communicator.ts";
import { assertClose, uniform } from "../helpers/mod.ts";

/** Ranks that can talk to each other, and what drives them. */
export interface TestWorld {
  ranks: Communicator[];
  /** Waits, moving a virtual clock on if there is one. */
  until<T>(promise: Promise<T>): Promise<T>;
  sleep(ms: number): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  size: number;
  segmentBytes: number;
  /** Chance of everything that the world can vary. */
  seed: number;
}

type Call =
  | { kind: "barrier" }
  | { kind: "all-reduce"; length: number }
  | { kind: "broadcast"; length: number; root: number }
  | { kind: "all-gather"; lengths: number[] };

interface Case extends WorldOptions {
  calls: Call[];
  /** Calls overlap instead of waiting for each other. */
  overlap: boolean;
}

const length = fc.oneof(
  fc.constantFrom(0, 1, 2),
  fc.integer({ min: 0, max: 600 }),
);

function cases(maxSize: number): fc.Arbitrary<Case> {
  return fc.integer({ min: 1, max: maxSize }).chain((size) => {
    const call: fc.Arbitrary<Call> = fc.oneof(
      fc.record({ kind: fc.constant("barrier" as const) }),
      fc.record({ kind: fc.constant("all-reduce" as const), length }),
      fc.record({
        kind: fc.constant("broadcast" as const),
        length,
        root: fc.integer({ min: 0, max: size - 1 }),
      }),
      fc.record({
        kind: fc.constant("all-gather" as const),
        lengths: fc.array(length, { minLength: size, maxLength: size }),
      }),
    );
    return fc.record({
      size: fc.constant(size),
      segmentBytes: fc.constantFrom(16, 200, 1000, 4096),
      seed: fc.nat(),
      calls: fc.array(call, { minLength: 1, maxLength: 5 }),
      overlap: fc.boolean(),
    });
  });
}

/**
 * Properties of the collectives that hold over every link: the results equal
 * the naive definition whatever the timing, to the last bit on all ranks.
 */
export function testCollectives(
  name: string,
  open: (options: WorldOptions) => Promise<TestWorld>,
  { runs, maxSize }: { runs: number; maxSize: number },
): void {
  Deno.test(`Communicator equals the naive definition over ${name}`, async () => {
    await fc.assert(
      fc.asyncProperty(cases(maxSize), async (given) => {
        const world = await open(given);
        try {
          const next = uniform(given.seed);
          const plans = given.calls.map((call) =>
            plan(call, world.ranks, next)
          );
          await world.until(Promise.all(
            world.ranks.map((_, rank) => makeCalls(rank, plans, given, world)),
          ));
          for (const { verify } of plans) verify();
        } finally {
          await world.close();
        }
      }),
      { numRuns: runs, seed: 20_240_601, endOnFailure: true },
    );
  });
}

interface Plan {
  run(rank: number): Promise<void>;
  verify(): void;
}

async function makeCalls(
  rank: number,
  plans: Plan[],
  { seed, overlap }: Case,
  world: TestWorld,
): Promise<void> {
  const next = uniform(seed + rank);
  const pending: Promise<void>[] = [];
  for (const { run } of plans) {
    if (next() < 0.3) await world.sleep(next() * 20);
    const call = run(rank);
    if (overlap) pending.push(call);
    else await call;
  }
  await Promise.all(pending);
}

function plan(call: Call, ranks: Communicator[], next: () => number): Plan {
  if (call.kind === "barrier") return planBarrier(ranks);
  const length = call.kind === "all-gather"
    ? call.lengths.reduce((sum, length) => sum + length, 0)
    : call.length;
  const inputs = ranks.map(() => Float32Array.from({ length }, () => next()));
  const buffers = ranks.map((rank, r) => {
    const buffer = rank.allocate(length);
    buffer.set(inputs[r]!);
    return buffer;
  });
  const same = () => {
    for (const buffer of buffers) deepStrictEqual(buffer, buffers[0]);
  };
  if (call.kind === "all-reduce") {
    return {
      run: (rank) => ranks[rank]!.allReduce(buffers[rank]!),
      verify: () => {
        same();
        const sum = new Float64Array(length);
        for (const input of inputs) input.forEach((x, i) => sum[i]! += x);
        assertClose(buffers[0]!, sum, { rtol: 1e-6 }, "sum");
      },
    };
  }
  if (call.kind === "broadcast") {
    return {
      run: (rank) => ranks[rank]!.broadcast(buffers[rank]!, call.root),
      verify: () => {
        same();
        assertClose(buffers[0]!, inputs[call.root]!, {}, "copy");
      },
    };
  }
  const offsets = [0];
  for (const length of call.lengths) offsets.push(offsets.at(-1)! + length);
  return {
    run: (rank) => ranks[rank]!.allGather(buffers[rank]!, offsets),
    verify: () => {
      same();
      const expected = inputs.flatMap((input, r) => [
        ...input.subarray(offsets[r], offsets[r + 1]),
      ]);
      assertClose(buffers[0]!, expected, {}, "parts");
    },
  };
}

function planBarrier(ranks: Communicator[]): Plan {
  const entered = new Set<number>();
  return {
    run: async (rank) => {
      entered.add(rank);
      await ranks[rank]!.barrier();
      strictEqual(
        entered.size,
        ranks.length,
        "a rank passed the barrier early",
      );
    },
    verify: () => {},
  };
}

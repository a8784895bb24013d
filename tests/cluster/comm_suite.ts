import * as fc from "fast-check";
import type { Algorithm, Comm, ReduceOp } from "../../mod.ts";
import { ALGORITHMS } from "../../cluster/communicator/mod.ts";
import { ARRAYS, CHECKS, type Given } from "./comm_checks.ts";
import { uniform } from "../helpers/mod.ts";

/** Communicators of all ranks of a world, and what drives them. */
export interface CommWorld {
  comms: Comm[];
  /** Waits, moving a virtual clock on if there is one. */
  until<T>(promise: Promise<T>): Promise<T>;
  sleep(ms: number): Promise<void>;
  close(): Promise<void>;
}

export interface CommWorldOptions {
  size: number;
  algorithm: Algorithm;
  /** Machine of each rank. */
  nodes: number[];
  segmentBytes: number | undefined;
  seed: number;
}

interface Case extends CommWorldOptions {
  calls: { check: string; given: Given }[];
}

const OPS = {
  any: ["sum", "product", "max", "min", "and", "or"],
  whole: ["bitwiseAnd", "bitwiseOr", "bitwiseXor"],
  float: ["mean"],
} as const;

function opsOf(type: Given["type"]): readonly ReduceOp[] {
  return [...OPS.any, ...(type.startsWith("f") ? OPS.float : OPS.whole)];
}

function cases(
  { maxSize, maxLength }: { maxSize: number; maxLength: number },
): fc.Arbitrary<Case> {
  const size = fc.integer({ min: 1, max: maxSize });
  const length = fc.oneof(
    fc.constantFrom(0, 1, 2, 9),
    fc.integer({ min: 0, max: 600 }),
    fc.integer({ min: 0, max: maxLength }),
  );
  const given = (size: number) =>
    fc.constantFrom(...Object.keys(ARRAYS) as Given["type"][]).chain((type) =>
      fc.record<Given>({
        type: fc.constant(type),
        op: fc.constantFrom(...opsOf(type)),
        length,
        root: fc.integer({ min: 0, max: size - 1 }),
        inPlace: fc.boolean(),
        seed: fc.nat(1_000_000),
      })
    );
  return size.chain((size) =>
    fc.record<Case>({
      size: fc.constant(size),
      algorithm: fc.constantFrom(...ALGORITHMS),
      nodes: fc.array(fc.nat(2), { minLength: size, maxLength: size }),
      segmentBytes: fc.constantFrom(undefined, 1000, 8192),
      seed: fc.nat(1_000_000),
      calls: fc.array(
        fc.record({
          check: fc.constantFrom(...Object.keys(CHECKS)),
          given: given(size),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    })
  );
}

/** Ranks that reach their calls at different times. */
async function runCalls(world: CommWorld, given: Case): Promise<void> {
  await world.until(Promise.all(world.comms.map(async (comm) => {
    const next = uniform(given.seed + comm.rank);
    for (const call of given.calls) {
      if (next() < 0.3) await world.sleep(next() * 20);
      await CHECKS[call.check]!(comm, call.given);
    }
  })));
}

/** All collectives equal their definitions over a link, whatever the timing. */
export function testComm(
  name: string,
  open: (options: CommWorldOptions) => Promise<CommWorld>,
  { runs, ...limits }: { runs: number; maxSize: number; maxLength: number },
): void {
  Deno.test(`Comm equals the definitions over ${name}`, async () => {
    await fc.assert(
      fc.asyncProperty(cases(limits), async (given) => {
        const world = await open(given);
        try {
          await runCalls(world, given);
        } finally {
          await world.close();
        }
      }),
      { numRuns: runs, seed: 20_261_124, endOnFailure: true },
    );
  });
  for (const check of Object.keys(CHECKS)) {
    Deno.test(`Comm ${check} over ${name}, with each type`, async () => {
      const size = Math.min(3, limits.maxSize);
      const world = await open({
        size,
        algorithm: "auto",
        nodes: [0, 0, 1],
        segmentBytes: 4096,
        seed: 1,
      });
      const types = Object.keys(ARRAYS) as Given["type"][];
      const calls = types.map((type, seed) => ({
        check,
        given: {
          type,
          op: opsOf(type)[seed]!,
          length: 1500,
          root: size - 1,
          inPlace: seed % 2 === 0,
          seed,
        },
      }));
      await runCalls(world, { calls, seed: 3 } as Case);
      await world.close();
    });
  }
}

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import {
  allGatherTime,
  allReduceTime,
  linkRate,
  parseBitRate,
  slowestOf,
  stepTime,
  type World,
} from "../../cluster/prediction/mod.ts";
import { measuredStep } from "../../cluster/commands/plan_measure.ts";
import { ConfigError } from "../../src/env/mod.ts";
import { assertClose } from "../helpers/mod.ts";

const RATE = { alphaMs: 0.5, bytesPerMs: 1000 };
/** So fast that waiting decides up to a megabyte. */
const FAST = { alphaMs: 0.5, bytesPerMs: 1e6 };

function world(ranks: number, more: Partial<World> = {}): World {
  return {
    ranks,
    transport: "direct",
    link: RATE,
    local: RATE,
    ranksPerNode: 1,
    ...more,
  };
}

const SHAPE = {
  computeMs: 100,
  bucketBytes: [4000, 4000, 2000],
  wireShare: 1,
  accumulate: 1,
  overlap: true,
  cpuMsPerByte: 0,
};

Deno.test("parseBitRate() reads rates and refuses what is none", () => {
  strictEqual(parseBitRate("25Gbit"), 25e9);
  strictEqual(parseBitRate("2.5 Gbit/s"), 2.5e9);
  strictEqual(parseBitRate("900Mbitps"), 900e6);
  for (const wrong of ["", "25", "25GB", "-1Gbit", "0Gbit", "x25Gbit"]) {
    throws(() => parseBitRate(wrong), ConfigError);
  }
});

Deno.test("linkRate() is the network's, up to what the host moves", () => {
  // 0.92 of 1 Gbit/s in bytes per millisecond.
  strictEqual(linkRate("direct", 1e9).bytesPerMs, 115_000);
  strictEqual(
    linkRate("direct", 100e9).bytesPerMs,
    linkRate("direct", 400e9).bytesPerMs,
  );
});

Deno.test("allReduceTime() of a ring is 2 (n - 1) chunks", () => {
  const time = allReduceTime(90_000, world(3));
  deepStrictEqual(time, {
    algorithm: "ring",
    latencyMs: 4 * 0.5,
    transferMs: 4 * 30_000 / 1000,
  });
});

Deno.test("allReduceTime() takes a tree for small messages, none for one rank", () => {
  strictEqual(allReduceTime(8, world(64, { link: FAST })).algorithm, "tree");
  strictEqual(allReduceTime(8, world(1)).algorithm, "none");
});

Deno.test("allReduceTime() goes node by node up to the size that ranks do", () => {
  const nodes = world(1024, {
    link: FAST,
    ranksPerNode: 8,
    local: { alphaMs: 0.01, bytesPerMs: 1e6 },
  });
  const { algorithm, latencyMs, transferMs } = allReduceTime(1e6, nodes);
  strictEqual(algorithm, "hierarchical");
  // Three levels to the first of 8 and three back; seven rounds among 128 of them.
  assertClose(
    [latencyMs, transferMs],
    [6 * 0.01 + 7 * 0.5, 6 + 7],
    { rtol: 1e-12 },
  );
  deepStrictEqual(allReduceTime(2e6, nodes), {
    algorithm: "ring",
    latencyMs: 2 * 1023 * 0.5,
    transferMs: 2 * 1023 / 1024 * 2,
  });
});

Deno.test("allReduceTime() of a tree doubles the distance", () => {
  const time = (ranks: number, ranksPerNode: number) => {
    const { algorithm, latencyMs, transferMs } = allReduceTime(
      1e5,
      world(ranks, {
        link: FAST,
        ranksPerNode,
        local: { alphaMs: 0.25, bytesPerMs: 2e6 },
      }),
    );
    strictEqual(algorithm, "tree");
    return [latencyMs, transferMs];
  };
  deepStrictEqual(time(8, 1), [3 * 0.5, 1e5 * (3 / 1e6)]);
  // Three pair up before and after the four.
  deepStrictEqual(time(7, 1), [4 * 0.5, 1e5 * (4 / 1e6)]);
  deepStrictEqual(time(4, 8), [2 * 0.25, 1e5 * (2 / 2e6)]);
});

Deno.test("allReduceTime() is of the algorithm that ranks are told to use", () => {
  const time = (bytes: number, more: Partial<World>) => {
    const { latencyMs, transferMs } = allReduceTime(bytes, world(4, more));
    return [latencyMs, transferMs];
  };
  const large = 4 * 1024 * 1024;
  const ms = large / RATE.bytesPerMs;
  deepStrictEqual(time(large, { collectives: "ring" }), [6 * 0.5, 1.5 * ms]);
  deepStrictEqual(time(large, { collectives: "tree" }), [2 * 0.5, 2 * ms]);
  // Six hops; the first of four segments passes four of them alone.
  deepStrictEqual(time(large, { collectives: "chain" }), [
    6 * 0.5 + ms,
    2 * ms,
  ]);
  // Three arrays enter the first rank, which then reaches all in two rounds.
  deepStrictEqual(time(large, { collectives: "gather" }), [3 * 0.5, 5 * ms]);
  // Two nodes: to the first rank of each and back, and a ring of the two between.
  deepStrictEqual(
    time(large, { collectives: "hierarchical", ranksPerNode: 2 }),
    [2 * 0.5 + 2 * 0.5, 2 * ms + ms],
  );
});

Deno.test("one server for all carries every stream", () => {
  const central = allReduceTime(90_000, world(4, { transport: "central" }));
  const direct = allReduceTime(90_000, world(4));
  strictEqual(central.transferMs, 4 * direct.transferMs);
});

Deno.test("one server for all is on the node of some ranks, whose messages do not pass its network", () => {
  const at = (ranks: number, ranksPerNode: number) =>
    allReduceTime(
      1_600_000,
      world(ranks, {
        transport: "central",
        ranksPerNode,
        local: { alphaMs: 0.5, bytesPerMs: 10_000 },
      }),
    );
  // Of each rank 2 (n - 1) chunks; those of the others enter and leave the node.
  const { algorithm, transferMs } = at(4, 1);
  deepStrictEqual([algorithm, transferMs], ["ring", 6 * 3 * 400_000 / 1000]);
  strictEqual(at(8, 4).transferMs, 14 * 4 * 200_000 / 1000);
  // Within one node the server alone counts.
  strictEqual(at(8, 8).transferMs, 14 * 8 * 200_000 / 10_000);
});

Deno.test("stepTime() alone is the computation", () => {
  deepStrictEqual(stepTime({ ...SHAPE, accumulate: 3 }, world(1)), {
    stepMs: 300,
    allReduceMs: 0,
    exposedMs: 0,
    efficiency: 1,
    algorithms: [],
  });
});

Deno.test("stepTime() hides what fits under backward, but for the last bucket", () => {
  const { stepMs, exposedMs } = stepTime(SHAPE, world(2));
  // 2000 bytes of two ranks: one exchange, one wait.
  ok(Math.abs(exposedMs - (2 + 0.5)) < 0.01, `${exposedMs}`);
  strictEqual(stepMs, 100 + exposedMs);
  const serial = stepTime({ ...SHAPE, overlap: false }, world(2));
  ok(Math.abs(serial.exposedMs - (10 + 0.5)) < 0.02, `${serial.exposedMs}`);
});

Deno.test("stepTime() never gets slower with a narrower wire or half of the ranks", () => {
  const at = (ranks: number, factor: number, wireShare: number) =>
    stepTime({
      ...SHAPE,
      bucketBytes: SHAPE.bucketBytes.map((bytes) => factor * bytes),
      wireShare,
    }, world(ranks, { link: FAST }));
  // By trees, and around rings.
  for (const [factor, algorithm] of [[1, "tree"], [1000, "ring"]] as const) {
    for (const ranks of [2, 3, 8, 64, 1024]) {
      const wide = at(ranks, factor, 1);
      deepStrictEqual(wide.algorithms, [algorithm]);
      ok(at(ranks, factor, 0.9).stepMs <= wide.stepMs);
      ok(wide.efficiency <= 1 && wide.efficiency > 0);
      ok(at(2 * ranks, factor, 1).stepMs >= wide.stepMs - 1e-9);
    }
  }
});

Deno.test("stepTime() of cores that also communicate loses their time", () => {
  const { stepMs } = stepTime({ ...SHAPE, cpuMsPerByte: 0.01 }, world(2));
  strictEqual(stepMs, 200);
});

Deno.test("stepTime() adds what late ranks cost to what is exposed", () => {
  const on = stepTime(SHAPE, world(2));
  const late = stepTime({ ...SHAPE, lateMs: 7 }, world(2));
  strictEqual(late.stepMs, on.stepMs + 7);
  strictEqual(late.exposedMs, on.exposedMs + 7);
  strictEqual(late.efficiency, 100 / late.stepMs);
  strictEqual(late.allReduceMs, on.allReduceMs);
});

Deno.test("slowestOf() one rank is the mean, of many the longest", () => {
  strictEqual(slowestOf([[3, 1, 2]], 1), 2);
  strictEqual(slowestOf([[4, 4]], 64), 4);
  ok(Math.abs(slowestOf([[1, 2, 9]], 1000) - 9) < 1e-9);
});

Deno.test("slowestOf() is the expected maximum over every combination", () => {
  // All 3 x 3 pairs of ranks alike, and all 3 x 2 of two that differ.
  const own = [1, 2, 6];
  const pairs = own.flatMap((a) => own.map((b) => Math.max(a, b)));
  const other = [3, 3];
  const mixed = own.flatMap((a) => other.map((b) => Math.max(a, b)));
  const mean = (of: number[]) => of.reduce((sum, x) => sum + x, 0) / of.length;
  ok(Math.abs(slowestOf([own], 2) - mean(pairs)) < 1e-12);
  ok(Math.abs(slowestOf([own, other], 2) - mean(mixed)) < 1e-12);
  // Two that were timed stand for four: each for two.
  const four = mixed.flatMap((a) => mixed.map((b) => Math.max(a, b)));
  ok(Math.abs(slowestOf([own, other], 4) - mean(four)) < 1e-12);
});

Deno.test("measuredStep() waits at each exchange for whoever is last there", () => {
  const first = [[10, 20], [12, 30]];
  const second = [[12, 20], [10, 30]];
  // Alone 36; of each piece the slower of two: 10, 12, 12, 12 and 20, 30, 30, 30.
  deepStrictEqual(measuredStep([first, second], 2), {
    computeMs: 36,
    lateMs: 11.5 + 27.5 - 36,
  });
  deepStrictEqual(measuredStep([first], 1), { computeMs: 36, lateMs: 0 });
  // A rank that is always slower keeps the others waiting, and waits for none.
  deepStrictEqual(measuredStep([[[5]], [[8]]], 2), {
    computeMs: 8,
    lateMs: 0,
  });
});

Deno.test("stepTime() agrees with the paper figures of DeiT-S on bf16 and direct links", () => {
  // 22.05 M parameters, 12 blocks; all-reduces of 64 and 256 ranks at 25 Gbit/s.
  const bucketBytes = [4.1e6, ...Array(12).fill(7.1e6), 1.5e6].reverse();
  const at = (ranks: number) =>
    stepTime({ ...SHAPE, computeMs: 505, bucketBytes, wireShare: 0.5 }, {
      ...world(ranks),
      link: linkRate("direct", 25e9),
    });
  ok(Math.abs(at(64).allReduceMs / 81 - 1) < 0.06, `${at(64).allReduceMs}`);
  ok(Math.abs(at(256).allReduceMs / 139 - 1) < 0.06, `${at(256).allReduceMs}`);
});

Deno.test("allGatherTime() carries what all others gave", () => {
  strictEqual(allGatherTime(1000, world(1)), 0);
  strictEqual(allGatherTime(1000, world(8)), 3 * 0.5 + 7);
  const local = { alphaMs: 0.1, bytesPerMs: 10_000 };
  const node = { ...world(8), ranksPerNode: 8, local };
  ok(Math.abs(allGatherTime(1000, node) - (3 * 0.1 + 0.7)) < 1e-9);
});

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { agree } from "../../bench/common/check.ts";
import {
  median,
  pairedRatio,
  quantile,
  spread,
  takeTurns,
} from "../../bench/common/measure.ts";
import { figure } from "../../bench/common/rows.ts";
import { productOf } from "../../bench/ops/gemm_bench.ts";
import { someOf } from "../../bench/ops/op_case.ts";
import {
  modelOf,
  parametersOf,
  STEP_MODELS,
  stepFlops,
} from "../../bench/step/models.ts";
import { VERBS } from "../../bench/verbs.ts";
import { ConfigError } from "../../src/env/mod.ts";

Deno.test("STEP_MODELS begin with the peers' model and its work", () => {
  const [first] = STEP_MODELS;
  strictEqual(first!.shape, "vit32p4d192l6h3b64");
  strictEqual(parametersOf(first!), 2_693_578);
  const { gemm, attention } = stepFlops(first!);
  ok(Math.abs(gemm / 66.4e9 - 1) < 1e-3, `${gemm}`);
  // Six products of 65 x 65 x 64 in 6 blocks, 3 heads and 64 images.
  strictEqual(attention, 2 * 6 * 65 * 65 * 64 * 6 * 3 * 64);
});

Deno.test("modelOf() reads shapes and refuses what is none", () => {
  const { config, batch } = modelOf("deit224p16d384l12h6b8");
  deepStrictEqual(
    [config.image, config.patch, config.dim, config.depth, config.heads, batch],
    [224, 16, 384, 12, 6, 8],
  );
  strictEqual(config.distilled, true);
  for (const wrong of ["vit32", "vit32p4d10l1h3b1", "vit8p16d8l1h1b1"]) {
    throws(() => modelOf(wrong), ConfigError);
  }
});

Deno.test("productOf() gives the three products of a layer the same work", () => {
  for (const layout of ["NN", "NT", "TN"] as const) {
    const { rows, depth, cols } = productOf(layout, [10, 3, 7]);
    strictEqual(rows * depth * cols, 210, layout);
  }
});

Deno.test("quantile(), median() and spread() lie between neighbours", () => {
  strictEqual(median([3, 1, 2]), 2);
  strictEqual(median([4, 1, 2, 3]), 2.5);
  strictEqual(quantile([10, 20], 0.25), 12.5);
  strictEqual(spread([1, 2, 3, 4, 5]), 2 / 3);
  ok(Number.isNaN(median([])));
});

Deno.test("pairedRatio() compares round by round when the machine slows down", () => {
  const slow = [1, 10, 1].map((factor) => ({ ms: 2 * factor, cpuMs: 1 }));
  const fast = [1, 10, 1].map((factor) => ({ ms: factor, cpuMs: 1 }));
  strictEqual(pairedRatio(fast, slow, ({ ms }) => ms), 2);
  strictEqual(pairedRatio(fast, slow, ({ cpuMs }) => cpuMs), 1);
});

Deno.test("takeTurns() alternates and leaves the first round out", async () => {
  const order: string[] = [];
  const contestants = ["a", "b"].map((name) => ({
    name,
    run() {
      order.push(name);
      return { ms: order.length, cpuMs: 0 };
    },
  }));
  const samples = await takeTurns(contestants, 2);
  strictEqual(order.join(""), "ababab");
  deepStrictEqual(samples.get("a")!.map(({ ms }) => ms), [3, 5]);
});

Deno.test("agree() counts what is off, not finite or missing", () => {
  deepStrictEqual(agree([1, 2], [1, 2], 1e-6), { wrong: 0, error: 0 });
  strictEqual(agree([1, 2.1], [1, 2], 1e-6).wrong, 1);
  strictEqual(agree([NaN, 2], [1, 2], 1e-6).wrong, 1);
  strictEqual(agree([1], [1, 2], 1e-6).wrong, 2);
});

Deno.test("someOf() includes the first and the last", () => {
  deepStrictEqual(someOf(3, 8), [0, 1, 2]);
  const some = someOf(1000, 7);
  strictEqual(some.length, 7);
  strictEqual(some[0], 0);
  strictEqual(some.at(-1), 999);
});

Deno.test("every bench has help that names its options", () => {
  deepStrictEqual(Object.keys(VERBS), [
    "ops",
    "step",
    "start",
    "collectives",
    "scaling",
    "overlap",
    "precision",
  ]);
  for (const [name, verb] of Object.entries(VERBS)) {
    ok(verb.help.startsWith(`Usage: bench ${name} `), name);
    for (const option of [...verb.string, ...verb.boolean, ...verb.number]) {
      ok(verb.help.includes(`--${option} `), `${name} --${option}`);
    }
  }
});

Deno.test("figure() keeps three digits", () => {
  deepStrictEqual([1234.5, 12.345, 0.012345, 0, NaN].map(figure), [
    "1235",
    "12.3",
    "0.0123",
    "0",
    "-",
  ]);
});

Deno.test("the bench's lock holds its own packages alone", async () => {
  const read = async (file: string) =>
    JSON.parse(await Deno.readTextFile(`bench/${file}`));
  const { imports } = await read("deno.json");
  const lock = await read("deno.lock");
  deepStrictEqual(
    Object.keys(lock.specifiers),
    Object.values<string>(imports).filter((from) => from.startsWith("npm:"))
      .toSorted(),
  );
  strictEqual(lock.workspace.links, undefined);
});

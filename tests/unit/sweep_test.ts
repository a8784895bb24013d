import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import {
  averageSettings,
  type MemberResult,
  parseAxis,
  parseLabels,
  planSweep,
  runMembers,
  slotsOf,
} from "../../cluster/sweep/mod.ts";
import { estimate, fitPowerLaw } from "../../src/evaluation/mod.ts";
import { renderSweep } from "../../src/report/mod.ts";
import { assertClose } from "../helpers/mod.ts";

function plan(grid: string[], seeds = 2) {
  return planSweep({
    configs: ["a.json"],
    overrides: ["globalBatch=8"],
    axes: [parseLabels("4,25"), ...grid.map(parseAxis)],
    firstSeed: 7,
    seeds,
  });
}

Deno.test("planSweep() combines every value with every seed under a name of its own", () => {
  const { members, seeds } = plan([
    "phases.selfTrain.method=fixmatch,softmatch",
  ]);
  deepStrictEqual(seeds, [7, 8]);
  strictEqual(members.length, 8);
  strictEqual(new Set(members.map(({ name }) => name)).size, 8);
  deepStrictEqual(members[1], {
    name: "labelsPerClass-4_method-fixmatch_seed-8",
    config: "a.json",
    overrides: [
      "data.labelsPerClass=4",
      "phases.selfTrain.method=fixmatch",
      "seed=8",
    ],
    setting: {
      "data.labelsPerClass": "4",
      "phases.selfTrain.method": "fixmatch",
    },
    seed: 8,
  });
});

Deno.test("planSweep() keeps folders apart whose values look alike in a name", () => {
  const { members } = planSweep({
    configs: [],
    overrides: [],
    axes: [parseAxis("data.path=a/b,a b")],
    firstSeed: 0,
    seeds: 1,
  });
  deepStrictEqual(
    members.map(({ name }) => name),
    ["path-a-b_seed-0", "path-a-b_seed-0-2"],
  );
});

Deno.test("planSweep() compares several configurations as an axis without a key", () => {
  const sweep = (...configs: string[]) =>
    planSweep({
      configs,
      overrides: [],
      axes: [parseLabels("4")],
      firstSeed: 0,
      seeds: 1,
    });
  const { axes, members } = sweep("x/a.json", "x/b.json");
  deepStrictEqual(axes[0], { key: "config", values: ["a", "b"] });
  deepStrictEqual(
    members.map(({ name, config, overrides }) => [name, config, overrides]),
    [
      [
        "config-a_labelsPerClass-4_seed-0",
        "x/a.json",
        ["data.labelsPerClass=4", "seed=0"],
      ],
      [
        "config-b_labelsPerClass-4_seed-0",
        "x/b.json",
        ["data.labelsPerClass=4", "seed=0"],
      ],
    ],
  );
  // The same name in two folders.
  deepStrictEqual(sweep("x/a.json", "y/a.json").axes[0]!.values, [
    "x/a.json",
    "y/a.json",
  ]);
  throws(() => sweep("a.json", "a.json"), /a\.json twice/);
});

Deno.test("planSweep() refuses axes that are none", () => {
  throws(() => parseAxis("a"), /expected key=a,b/);
  throws(() => parseAxis("a=1,1"), /occurs twice/);
  throws(() => parseLabels("4,many"), /many is no whole number/);
  throws(() => plan(["seed=1,2"]), /--seeds N does it/);
  throws(() => plan(["data.labelsPerClass=1,2"]), /twice/);
  throws(() => plan([], 0), /0 runs/);
});

Deno.test("estimate() gives the 95 % interval of Student's t", () => {
  const { mean, deviation, low, high } = estimate([70, 72, 77]);
  assertClose([mean, deviation], [73, 3.605551275], { atol: 1e-6 });
  // 4.303 * 3.6056 / sqrt 3
  assertClose([low, high], [73 - 8.957, 73 + 8.957], { atol: 1e-2 });
  const one = estimate([5]);
  strictEqual(one.mean, 5);
  ok(Number.isNaN(one.low));
});

Deno.test("fitPowerLaw() finds the exponent, and nothing where the error does not fall", () => {
  const points = [4, 25, 100].map((n) => [n, 0.8 * n ** -0.4] as const);
  const law = fitPowerLaw(points)!;
  assertClose([law.exponent, law.at(200)], [0.4, 0.8 * 200 ** -0.4], {
    rtol: 1e-9,
  });
  strictEqual(fitPowerLaw(points.slice(1)), undefined);
  strictEqual(fitPowerLaw([[1, 0.1], [2, 0.2], [3, 0.3]]), undefined);
});

Deno.test("averageSettings() averages finished members, and renderSweep() shows them", () => {
  const { members, axes } = plan([], 3);
  const results = members.map((member, i): MemberResult => ({
    ...member,
    state: i === 5 ? "failed" : "done",
    figures: { baseline: 0.5 + 0.01 * i, shipped: 0.6 + 0.01 * i },
  }));
  const settings = averageSettings(results);
  strictEqual(settings.length, 2);
  deepStrictEqual(
    settings.map(({ estimates }) => estimates.baseline!.count),
    [3, 2],
  );
  assertClose([settings[0]!.estimates.shipped!.mean], [0.61], { atol: 1e-12 });
  const page = renderSweep({
    title: `<b>x`,
    figure: "test_accuracy",
    labelsKey: "data.labelsPerClass",
    axes,
    seeds: 3,
    columns: ["baseline", "shipped"],
    settings,
    waiting: 1,
  });
  ok(page.includes("&lt;b&gt;x") && !page.includes("<b>x"));
  ok(page.includes("not complete"));
  strictEqual(page.match(/class="mark"/g)?.length, 2);
});

Deno.test("slotsOf() gives no GPU or core to two runs", () => {
  const gpus = ["a", "b", "c", "d", "e"];
  deepStrictEqual(
    slotsOf({ gpus, cores: [] }, { atOnce: "auto", ranks: 2 })
      .map(({ args }) => args.at(-1)),
    ["--gpu-bind=a,b", "--gpu-bind=c,d"],
  );
  const cores = [0, 1, 4, 5, 6];
  deepStrictEqual(
    slotsOf({ gpus: [], cores }, { atOnce: 2, ranks: 1 })
      .map(({ cores }) => cores),
    ["0,1", "4,5"],
  );
  strictEqual(slotsOf({ gpus, cores }, { atOnce: "auto", ranks: 5 }).length, 1);
  throws(
    () => slotsOf({ gpus, cores }, { atOnce: 2, ranks: 3 }),
    /2 runs of 3 ranks at once on 5 GPUs/,
  );
});

Deno.test("runMembers() goes on when one fails, and begins no other when one is stopped", async () => {
  const slots = [{ args: ["a"] }, { args: ["b"] }];
  const play = async (codes: readonly number[]) => {
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const code = await runMembers([...codes.keys()], {
      slots,
      alike: () => false,
      train: async (member) => {
        begun.push(member);
        most = Math.max(most, ++running);
        await Promise.resolve();
        running--;
        return codes[member]!;
      },
    });
    return { code, begun: begun.length, most };
  };
  deepStrictEqual(await play([0, 0, 0]), { code: 0, begun: 3, most: 2 });
  deepStrictEqual(await play([1, 0, 0, 0]), { code: 1, begun: 4, most: 2 });
  deepStrictEqual(await play([75, 0, 0, 0, 0]), {
    code: 75,
    begun: 2,
    most: 2,
  });
  deepStrictEqual((await play([3, 0, 0, 0])).code, 3);
});

Deno.test("runMembers() begins one that others in progress can serve when there is no other", async () => {
  const begun: string[] = [];
  await runMembers(["a1", "b1", "a2", "b2", "c1"], {
    slots: [{ args: [] }, { args: [] }],
    alike: (one, other) => one[0] === other[0],
    train: async (member) => {
      begun.push(member);
      // The first one takes as long as all others together.
      for (let i = member === "a1" ? 20 : 2; i > 0; i--) await null;
      return 0;
    },
  });
  deepStrictEqual(begun, ["a1", "b1", "b2", "c1", "a2"]);
});

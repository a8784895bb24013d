import {
  deepStrictEqual,
  doesNotMatch,
  match,
  notStrictEqual,
  ok,
  rejects,
  strictEqual,
} from "node:assert";
import { compareRuns } from "../../cluster/commands/compare.ts";
import { realEnv } from "../../src/env/mod.ts";
import { renderLabelPage, writeReport } from "../../src/report/mod.ts";
import { toCsv } from "../../src/run/mod.ts";
import { niceScale } from "../../src/report/scale.ts";
import { format } from "../../src/report/format.ts";
import { html, shorten } from "../../src/report/html.ts";

import { assertClose } from "../helpers/assert_close.ts";

const { disk } = realEnv;

/** The page made from the files given. */
async function report(files: Record<string, string>): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await disk.write(`${folder}/${name}`, text);
    }
    return await disk.readText(await writeReport(disk, folder));
  } finally {
    await disk.remove(folder);
  }
}

Deno.test("writeReport() makes a page of an empty folder and says what is missing", async () => {
  const page = await report({});
  for (
    const name of [
      "config.json",
      "run.json",
      "summary.json",
      "metrics.jsonl",
      "confusion.csv",
    ]
  ) ok(page.includes(`Not shown: ${name} is not there yet.`), name);
  match(page, /No phase has finished yet/);
});

Deno.test("writeReport() notes damaged files and shows the others", async () => {
  const page = await report({
    "config.json": "[1, 2]",
    "run.json": "{",
    "summary.json": '{"phases":{"teacher":{"test_accuracy":0.25}}}',
    "metrics.jsonl": 'half\n{"phase":"teacher","step":1,"split":"train"}\n',
    "confusion.csv": "true,a,b\na,1,2\n",
  });
  match(page, /config.json is not a JSON object/);
  match(page, /run.json is not a JSON object/);
  match(page, /1 lines of metrics.jsonl cannot be read/);
  match(page, /confusion.csv is no square table/);
  match(page, /data-figure="phases.teacher.test_accuracy"\s+data-value="0.25"/);
});

Deno.test("writeReport() says that a run is not complete and what ended it", async () => {
  const page = await report({
    "run.json": JSON.stringify({
      state: "failed",
      failure: { kind: "exit", rank: 1, cause: "killed by SIGKILL" },
    }),
    "summary.json": JSON.stringify({
      phases: { classify: { test_accuracy: 0.5 } },
      shipped: { phase: "classify", reason: "no self-training in this run" },
    }),
  });
  match(page, /This run is not complete \(failed\)/);
  match(page, /Rank 1: killed by SIGKILL/);
});

Deno.test("writeReport() shows the worst of all classes, however many", async () => {
  const classes = Array.from({ length: 1200 }, (_, c) => ({
    name: `class ${c}`,
    auc: 1 - c / 2400,
    tpr: [0, 1],
  }));
  const counts = classes.map((_, t) =>
    classes.map((_, p) => t === 7 && p === 3 ? 2 : Number(t === p))
  );
  const square = toCsv([
    ["true", ...classes.map(({ name }) => name)],
    ...counts.map((row, t) => [classes[t]!.name, ...row]),
  ]);
  const pairs = toCsv([
    ["true", "predicted", "count"],
    ...counts.flatMap((row, t) =>
      row.flatMap((count, p) =>
        count > 0 ? [[classes[t]!.name, classes[p]!.name, count]] : []
      )
    ),
  ]);
  for (const confusion of [square, pairs]) await shows(confusion);

  async function shows(confusion: string) {
    const page = await report({
      "confusion.csv": confusion,
      "summary.json":
        '{"phases":{"classify":{}},"shipped":{"phase":"classify"}}',
      "roc_classify.json": JSON.stringify({
        fpr: [0, 1],
        micro: [0, 1],
        macro: [0, 1],
        classes,
      }),
    });
    match(page, /class 1199: area 50\.0/);
    match(page, /told apart worst, of 1200/);
    match(page, /matrix of 1\u202f200 classes is too fine to draw/);
    match(page, /<td>class 7<\/td>\s*<td>class 3<\/td>\s*<td class="n">2</);
  }
});

Deno.test("writeReport() survives values of any type", async () => {
  for (
    const value of [null, "x", [], [[1]], {}, 1e308, -1e308, 1e-320, true]
  ) {
    const text = JSON.stringify(value);
    const phase = `{"test_accuracy":${text},"seconds":${text},"reliability":[{
      "count":1,"confidence":${text},"accuracy":${text}}]}`;
    const line = `{"phase":"selfTrain","step":1,"split":"train","epoch":${text},
      "loss":${text},"accuracy":${text},"forward_ms":${text}}`;
    const page = await report({
      "config.json": `{"name":${text},"data":${text},"phases":${text}}`,
      "run.json": `{"ranks":[${text},{"rank":${text},"adapter":${text}}]}`,
      "summary.json":
        `{"phases":{"selfTrain":${phase},"baseline":${text}},"baseline":{"test_accuracy":${text}},"shipped":{"phase":${text}}}`,
      "metrics.jsonl": line.replaceAll("\n", "") + "\n",
      "confusion.csv": `true,a\na,${text}\n`,
    });
    ok(page.endsWith("</html>\n"));
    doesNotMatch(page, /NaN|Infinity|undefined|\[object/, text);
  }
});

Deno.test("compareRuns() gives mean and sample deviation over the runs that have the figure", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const runs = ["a", "b", "c"].map((name) => `${folder}/${name}`);
    const figures = [{ teacher: 0.5, distill: 0.1 }, { teacher: 0.7 }, {}];
    for (const [i, run] of runs.entries()) {
      await disk.makeFolder(run);
      await disk.write(`${run}/config.json`, "{}");
      const phases = Object.fromEntries(
        Object.entries(figures[i]!).map(([k, v]) => [k, { val_accuracy: v }]),
      );
      if (i < 2) {
        await disk.write(`${run}/summary.json`, JSON.stringify({ phases }));
      }
    }
    const rows = await compareRuns(disk, runs, "val_accuracy");
    deepStrictEqual(rows[1], {
      phase: "distill",
      values: [0.1, null, null],
      mean: 0.1,
      deviation: null,
    });
    deepStrictEqual(rows[0]!.values, [0.5, 0.7, null]);
    assertClose([rows[0]!.mean!, rows[0]!.deviation!], [0.6, Math.SQRT2 / 10], {
      rtol: 1e-12,
    });
    await rejects(compareRuns(disk, runs, "nothing"), /no run has it/);
    await rejects(compareRuns(disk, [folder], "x"), /has no config.json/);
  } finally {
    await disk.remove(folder);
  }
});

Deno.test("html`` escapes everything that is not HTML already", () => {
  strictEqual(
    html`<a title="${`"'<&>\u0000\u202e`}">${html`<b>`}${[
      1,
      "<",
    ]}${undefined}</a>`.text,
    '<a title="&quot;&#39;&lt;&amp;&gt;  "><b>1&lt;</a>',
  );
  strictEqual(html`${"\ud800"}`.text, "\ufffd");
  strictEqual(shorten("🙂".repeat(9), 4), "🙂🙂🙂…");
});

Deno.test("niceScale() covers the values with round ticks", () => {
  const scale = niceScale([0.31, 0.826], [100, 0], { max: 1 });
  deepStrictEqual(scale.ticks, [0.2, 0.4, 0.6, 0.8, 1]);
  strictEqual(scale.at(0.6), 50);
  deepStrictEqual(niceScale([], [0, 1]).ticks, [0, 0.5, 1]);
  for (const values of [[0], [5, 5], [-3], [1e-12], [1e12, -1e12]]) {
    const { min, max, ticks, at } = niceScale(values, [0, 100]);
    ok(min <= Math.min(...values) && max >= Math.max(...values), `${values}`);
    ok(ticks.length >= 2 && ticks.length < 12, `${ticks}`);
    ok(values.every((value) => at(value) >= 0 && at(value) <= 100));
  }
  const tight = niceScale([0, 3.008], [0, 100], { tight: true });
  deepStrictEqual([tight.ticks, tight.at(3.008)], [[0, 1, 2, 3], 100]);
});

Deno.test("format() writes figures for people", () => {
  const cases: [number | undefined, Parameters<typeof format>[1], string][] = [
    [0.74118, "percent", "74.1\u202f%"],
    [-0.0042, "points", "−0.4"],
    [1234567, "count", "1.235\u202fM"],
    [60000, "count", "60\u202f000"],
    [163018, "size", "163\u202fk"],
    [59.96, "seconds", "60.0\u202fs"],
    [153.2, "seconds", "2\u202fmin 33\u202fs"],
    [7384, "seconds", "2\u202fh 3\u202fmin"],
    [0.5, "loss", "0.500"],
    [NaN, "number", "–"],
    [undefined, "percent", "–"],
  ];
  for (const [value, unit, text] of cases) {
    strictEqual(format(value, unit), text);
  }
});

Deno.test("writeReport() says which rank the others wait for", async () => {
  const line = (change: Record<string, unknown>) =>
    JSON.stringify({ phase: "teacher", step: 1, split: "train", ...change });
  const slow = {
    step_ms: 100,
    ready_ms: [60, 95],
    wait_ms: [40, 5],
    round_trip_ms: [1, 1],
    exposed_communication: 0.225,
  };
  const page = await report({
    "metrics.jsonl": [line(slow), line(slow), line({ ready_ms: "x" })].join(
      "\n",
    ),
  });
  match(page, /rank 1 is slow \(compute\): .* 35 % of each step/);
  match(page, /22\.5\s?%/);
  const alone = await report({ "metrics.jsonl": line({ step_ms: 100 }) });
  doesNotMatch(alone, /id="cluster"/);
});

Deno.test("writeReport() names a curve's last value, however many points it is drawn by", async () => {
  // More than 240 points are drawn as means of two.
  const page = await report({
    "metrics.jsonl": Array.from({ length: 242 }, (_, step) =>
      JSON.stringify({
        phase: "distill",
        step,
        epoch: step,
        split: "train",
        loss: step === 241 ? 1 : 2,
      })).join("\n"),
  });
  match(page, /training\s*<b>1\.000<\/b>/);
});

Deno.test("renderLabelPage() keeps labels apart where images or classes are others", () => {
  const place = (classNames: string[], name: string) => {
    const picture = {
      channels: 1,
      width: 1,
      height: 1,
      pixels: Uint8Array.of(0),
    };
    const images = [{ name, picture, probabilities: [0.5, 0.5] }];
    const page = renderLabelPage({
      title: "",
      classNames,
      given: [],
      images,
    });
    return /signet-labels-[0-9a-f]{16}/.exec(page)![0];
  };
  const first = place(["cat", "dog"], "a.png");
  strictEqual(place(["cat", "dog"], "a.png"), first);
  notStrictEqual(place(["ant", "cat"], "a.png"), first);
  notStrictEqual(place(["cat", "dog"], "b.png"), first);
});

Deno.test("writeReport() counts labels by hand and collapses, and draws no empty chart", async () => {
  const page = await report({
    "config.json": JSON.stringify({ data: { labelsPerClass: 4 } }),
    "hand_labels.csv": "name,label\na.png,cat\nb.png,\nc.png,dog\n",
    "summary.json": JSON.stringify({
      phases: { selfTrain: { test_accuracy: 0.5, collapses: 2 } },
    }),
    "metrics.jsonl": JSON.stringify({
      phase: "distill",
      step: 1,
      epoch: 1,
      split: "train",
      loss: 1,
    }),
    "pseudo_labels.csv":
      "name,label,class,confidence,kept,reason,first_round,times_used,times_seen,flips,true_label\n" +
      "a.png,0,cat,0.9,1,,,0,0,0,\nb.png,0,cat,0.9,1,,1,2,3,1,\n",
  });
  match(page, /4 labels per class and 2 by hand/);
  match(page, /collapsed 2 times/);
  match(page, /id="loss-distill"/);
  doesNotMatch(page, /id="(accuracy|scores)-distill"/);
  match(page, /not seen in training/);
  // One image of the two was seen more than once.
  match(page, /<td class="n">100\.0\s?%<\/td>\s*<\/tr>/);
});

Deno.test("writeReport() tells what images are taken for where a method makes no labels", async () => {
  const header =
    "name,label,class,confidence,kept,reason,first_round,times_used,times_seen,flips,true_label\n";
  const reason = "mean-teacher uses no labels";
  const page = await report({
    "summary.json": JSON.stringify({
      phases: {
        selfTrain: { test_accuracy: 0.5, best_step: 0, refused: "too weak" },
      },
    }),
    "pseudo_labels.csv": header +
      `a.png,0,cat,0.9,0,${reason},,0,2,1,0\nb.png,0,cat,0.8,0,${reason},,0,2,0,1\n`,
  });
  match(page, /What unlabelled images are taken for/);
  match(page, /mean-teacher uses no labels: views of an image/);
  match(page, /<th scope="col" class="n">Right<\/th>/);
  doesNotMatch(page, /Just below the threshold|Kept and right/);
  match(page, /not trained: its start was too weak/);
});

import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert";
import { scalingPage } from "../../bench/scaling/page.ts";
import { simulate, simulationTable } from "../../bench/scaling/simulate.ts";
import { scalingTable } from "../../bench/scaling/scaling_table.ts";
import { figuresOf } from "../../bench/scaling/training_run.ts";
import { ConfigError, SignetError } from "../../src/env/mod.ts";

const line = (step: number, more: object) =>
  JSON.stringify({ phase: "teacher", step, split: "train", ...more });

Deno.test("figuresOf() counts the steps between warm-up and the end", () => {
  // The first step compiles; nothing is queued behind the last two.
  const times = [1000, 6200, 6300, 6400, 6500, 6600, 6650, 6651];
  const text = times.map((time, i) =>
    line(i + 1, {
      time,
      loss: 9 - i,
      step_ms: 90 + i,
      communication_ms: i < 2 || i > 5 ? 900 : 10,
    })
  ).join("\n");
  const figures = figuresOf(`${text}\n`, 32);
  strictEqual(figures.stepMs, 100);
  deepStrictEqual(figures.stepsMs, [92, 93, 94, 95]);
  strictEqual(figures.imagesPerSecond, 320);
  strictEqual(figures.communicationMs, 10);
  strictEqual(figures.loss, 2);
  strictEqual(figures.accuracies.length, 0);
});

Deno.test("figuresOf() tells when validations were reached", () => {
  const text = [
    line(2, { time: 1000, loss: 1 }),
    line(4, { time: 3000, loss: 1 }),
    JSON.stringify({ split: "validation", step: 4, time: 3500, accuracy: 0.5 }),
    line(6, { time: 5000, loss: 1 }),
  ].join("\n");
  const [[seconds, accuracy] = []] = figuresOf(text, 8).accuracies;
  strictEqual(seconds, 2.5);
  strictEqual(accuracy, 0.5);
});

Deno.test("figuresOf() refuses a run that only warmed up", () => {
  throws(() => figuresOf(line(1, { time: 0 }), 8), SignetError);
});

const CLUSTER = {
  ranks: 12,
  link: "10Gbit",
  stepMs: 500,
  shape: "deit224p16d384l12h6b64",
  wire: "f16",
  ranksPerNode: 4,
  accumulate: 1,
};

Deno.test("simulate() predicts powers of two and the whole, over every transport", () => {
  const rows = simulate(CLUSTER);
  strictEqual(rows.filter(({ transport }) => transport === "nats").length, 5);
  ok(
    rows.every(({ efficiency, serialEfficiency }) =>
      efficiency >= serialEfficiency
    ),
  );
  throws(() => simulate({ ...CLUSTER, wire: "f8" }), ConfigError);
});

Deno.test("scalingPage() shows a chart for each figure, and no scripts", () => {
  const simulated = simulate(CLUSTER);
  const page = scalingPage(
    simulated.map((row) => ({
      ...row,
      mode: row.transport,
      speed_up: row.ranks * row.efficiency,
      name: "simulated scaling",
      shape: "deit<s>",
      form: "model",
      precision: "f16",
      unit: "ms",
      median: row.stepMs,
      spread: 0,
      runs: 0,
      ms: row.stepMs,
      wrong: 0,
    })),
    simulationTable(simulated),
  );
  match(page, /id="speed-up"/);
  match(page, /id="efficiency"/);
  match(page, /deit&lt;s&gt;/);
  ok(!page.includes("<script"));
});

Deno.test("scalingPage() has the table of the terminal, and whole ranks at its axes", () => {
  const row = (ranks: number, more: object) => ({
    name: "weak scaling",
    shape: "deit",
    form: "tiled",
    precision: "f32",
    unit: "images/s",
    mode: "weak",
    ranks,
    global_batch: 32 * ranks,
    median: 5 * ranks,
    spread: 0.07,
    runs: 5,
    ms: 6000,
    speed_up: ranks,
    efficiency: 1,
    exposed_ms: 0,
    wrong: 0,
    ...more,
  });
  const rows = [
    row(1, {}),
    row(2, { busbw: 0.7e9, predicted_ms: 6147, prediction_error: -0.03 }),
  ];
  const page = scalingPage(rows, scalingTable(rows));
  for (
    const text of ["images/s", "busbw GB/s", "0.700", "6147", "-3 %", ">64<"]
  ) {
    ok(page.includes(text), text);
  }
  match(page, /weak, predicted/);
  const efficiency = page.split('id="efficiency"')[1]!.split("</svg>")[0]!;
  match(efficiency, />2</);
  ok(!efficiency.includes("1.5<"), efficiency);
});

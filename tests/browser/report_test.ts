import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { writeReport } from "../../src/report/mod.ts";
import { open, openBrowser, OUT } from "./open_page.ts";
import { writeSampleRun } from "./sample_run.ts";

const { disk } = realEnv;
/** Every number of a JSON value with its path. */
function numbersIn(value: unknown, path: string[] = []): [string, number][] {
  if (typeof value === "number") return [[path.join("."), value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, below]) =>
    numbersIn(below, [...path, key])
  );
}

/** Runs in the page: charts with the number of marks that can be seen. */
const VISIBLE_MARKS =
  `Object.fromEntries([...document.querySelectorAll("[data-chart]")].map(
  (chart) => [chart.id, [...chart.querySelectorAll(".mark")].filter((mark) => {
    const { width, height } = mark.getBoundingClientRect();
    const style = getComputedStyle(mark);
    const paint = style.fill === "none" ? style.stroke : style.fill;
    return (width > 0 || height > 0) && style.visibility === "visible" &&
      paint !== "none" && paint !== "rgba(0, 0, 0, 0)";
  }).length],
))`;

const PHASES = ["teacher", "distill", "classify", "selfTrain", "baseline"];

for (const classes of [10, 100]) {
  Deno.test(`writeReport() shows every number and chart in Chromium for ${classes} classes`, async () => {
    const folder = await Deno.makeTempDir();
    await disk.makeFolder(OUT);
    const browser = await openBrowser();
    try {
      await writeSampleRun(disk, folder, classes);
      const path = await writeReport(disk, folder);
      const { page, complaints } = await open(browser, path, "light");

      const shown = await page.$$eval(
        "[data-figure]",
        (found) =>
          found.map((element) => ({
            path: element.getAttribute("data-figure")!,
            value: Number(element.getAttribute("data-value")),
            text: element.textContent!.trim(),
          })),
      );
      const summary = JSON.parse(await disk.readText(`${folder}/summary.json`));
      const expected = new Map(numbersIn(summary));
      ok(expected.size > 50, `${expected.size} numbers`);
      for (const { path, value, text } of shown) {
        strictEqual(value, expected.get(path), path);
        ok(/\d/.test(text), `${path} shows "${text}"`);
      }
      deepStrictEqual(
        [...expected.keys()].filter((path) =>
          !shown.some((figure) => figure.path === path)
        ),
        [],
      );
      const accuracy = shown.find(({ path }) =>
        path === "phases.selfTrain.test_accuracy"
      );
      strictEqual(accuracy?.text, "74.1\u202f%");

      const marks = await page.evaluate<Record<string, number>>(VISIBLE_MARKS);
      const charts = [
        "accuracy-by-phase",
        ...PHASES.flatMap((phase) => [
          `accuracy-${phase}`,
          `loss-${phase}`,
          `scores-${phase}`,
        ]),
        "pseudo-label-yield",
        "pseudo-label-accuracy",
        "confusion",
        "calibration-selfTrain",
        "roc-averages",
        ...Array.from(
          { length: Math.min(classes, 11) },
          (_, i) => `roc-class-${i}`,
        ),
        "step-time",
        "rank-time",
      ];
      deepStrictEqual(Object.keys(marks), charts);
      for (const chart of charts) ok(marks[chart]! > 0, `${chart} is empty`);
      ok(marks.confusion! > classes, `${marks.confusion} cells`);
      strictEqual(marks["accuracy-by-phase"], PHASES.length);

      const pictures = await page.evaluate<number[]>(
        `[...document.querySelectorAll(".gallery img")].map((i) => i.naturalWidth)`,
      );
      ok(pictures.length > 80, `${pictures.length} pictures`);
      strictEqual(pictures.filter((width) => width !== 32).length, 0);
      strictEqual(await page.locator(".gallery .absent").count(), 0);
      strictEqual(await page.locator("#labels .gallery li").count(), 3 + 2);
      strictEqual(
        await page.locator("#provenance-table tbody tr").count(),
        10,
      );

      strictEqual(await page.locator("#phases-table tbody tr").count(), 5);
      strictEqual(await page.locator("h1").innerText(), "fashion-4-labels");
      strictEqual(
        await page.evaluate(
          "document.documentElement.scrollWidth > innerWidth",
        ),
        false,
        "the page is wider than the window",
      );
      deepStrictEqual(complaints, []);
      const shot = `${OUT}/report_${classes}`;
      await page.screenshot({ path: `${shot}_light.png`, fullPage: true });
      await page.setViewportSize({ width: 390, height: 844 });
      deepStrictEqual(
        await page.evaluate(
          `[document.documentElement.scrollWidth <= innerWidth,
            document.querySelector("#step-time svg[role]").clientWidth >= 600]`,
        ),
        [true, true],
        "a narrow page scrolls its wide charts, not itself",
      );
      await page.screenshot({ path: `${shot}_narrow.png`, fullPage: true });
      const dark = await open(browser, path, "dark");
      await dark.page.screenshot({ path: `${shot}_dark.png`, fullPage: true });
      deepStrictEqual(dark.complaints, []);
    } finally {
      await browser.close();
      await disk.remove(folder);
    }
  });
}

Deno.test("writeReport() runs no code from names, labels or figures in Chromium", async () => {
  const folder = await Deno.makeTempDir();
  const browser = await openBrowser();
  const attack = `"><img src=x onerror=alert(1)><script>alert(2)</script>`;
  try {
    await writeSampleRun(disk, folder, 10);
    await disk.write(
      `${folder}/config.json`,
      JSON.stringify({ name: attack, data: { kind: attack } }),
    );
    await disk.write(
      `${folder}/run.json`,
      JSON.stringify({ ranks: [{ rank: 0, host: attack, adapter: attack }] }),
    );
    await disk.write(
      `${folder}/summary.json`,
      JSON.stringify({
        phases: { [attack]: { test_accuracy: 0.5, [attack]: 1 } },
        shipped: { phase: attack, reason: attack },
      }),
    );
    await disk.append(
      `${folder}/metrics.jsonl`,
      JSON.stringify({
        phase: attack,
        step: 1,
        epoch: 1,
        split: "train",
        loss: 1,
      }) + "\n",
    );
    const cell = `"${attack.replaceAll('"', '""')}"`;
    await disk.write(
      `${folder}/pseudo_labels.csv`,
      `name,label,class,confidence,kept,reason,first_round,times_used,times_seen,flips,true_label\n${cell},1,${cell},0.9,1,${cell},${cell},1,1,1,${cell}\n`,
    );
    const { page, complaints } = await open(
      browser,
      await writeReport(disk, folder),
      "light",
    );
    ok(await page.locator(".gallery .absent").count() > 0);
    strictEqual(await page.locator("img, script, iframe").count(), 0);
    ok((await page.locator("h1").innerText()).startsWith('"><img src=x'));
    deepStrictEqual(complaints, []);
  } finally {
    await browser.close();
    await disk.remove(folder);
  }
});

import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import type { Browser } from "playwright-core";
import { loadSplitData } from "../../src/data/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { renderLabelPage } from "../../src/report/mod.ts";
import { writeTinyCifar } from "../helpers/mod.ts";
import { open, openBrowser, OUT } from "./open_page.ts";

const { disk } = realEnv;

/** A label of the round before. */
const GIVEN = [{ name: "data_batch_1.bin[7]", label: "square_8" }];

/** A tiny set and a page with its first images of each class, all believed class 0. */
async function withPage(
  classNames: readonly string[],
  names: readonly string[],
  use: (paths: { folder: string; page: string; browser: Browser }) => Promise<
    void
  >,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const browser = await openBrowser();
  try {
    await disk.makeFolder(OUT);
    const page = `${folder}/queue.html`;
    const images = names.map((name, i) => ({
      name,
      picture: {
        channels: 3,
        width: 32,
        height: 32,
        pixels: Uint8Array.from(
          { length: 3072 },
          (_, k) => (37 * i + k % 97 + 50 * Math.floor(k / 1024)) % 256,
        ),
      },
      probabilities: classNames.map((_, c) =>
        c === 0 ? 0.6 : 0.4 / (classNames.length - 1)
      ),
    }));
    await disk.write(
      page,
      renderLabelPage({ title: "tiny", classNames, given: GIVEN, images }),
    );
    await use({ folder, page, browser });
  } finally {
    await browser.close();
    await disk.remove(folder);
  }
}

Deno.test("renderLabelPage() labels by keyboard in Chromium, and the next run takes its table", async () => {
  const classNames = Array.from({ length: 10 }, (_, i) => `square_${i}`);
  const names = [0, 1, 2, 3, 4, 15]
    .map((i) => `data_batch_1.bin[${i}]`);
  await withPage(classNames, names, async ({ folder, page: path, browser }) => {
    const { page, complaints } = await open(browser, path, "light");
    await page.screenshot({ path: `${OUT}/labels_light.png`, fullPage: true });
    strictEqual(await page.locator("#choices button").count(), 10);
    strictEqual(await page.locator("#save").isDisabled(), true);
    // Third class, pass over, likeliest, tenth, a slip that is taken back, first.
    for (const key of ["3", "s", "Enter", "0", "5", "ArrowLeft", "u", "1"]) {
      await page.keyboard.press(key);
    }
    strictEqual(await page.locator("#count").innerText(), "4 labelled");
    strictEqual(await page.locator("#place").innerText(), "6 of 6");
    const waiting = page.waitForEvent("download");
    await page.keyboard.press("d");
    const download = await waiting;
    strictEqual(download.suggestedFilename(), "labels.csv");
    const table = `${folder}/labels.csv`;
    await download.saveAs(table);
    deepStrictEqual(complaints, []);
    strictEqual(
      await disk.readText(table),
      "name,label\n" + [
        "data_batch_1.bin[7],square_8\n",
        `${names[0]},square_2\n`,
        `${names[2]},square_0\n`,
        `${names[3]},square_9\n`,
        `${names[4]},square_0\n`,
      ].join(""),
    );
    // Labels are kept in the browser.
    await page.reload();
    strictEqual(await page.locator("#count").innerText(), "4 labelled");
    await page.screenshot({ path: `${OUT}/labels_done.png`, fullPage: true });

    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 6, test: 2 });
    const options = {
      kind: "cifar10",
      path: data,
      imageSize: 0,
      testFraction: 0,
      seed: 4,
      trainPerClass: 0,
      testPerClass: 0,
      labelsPerClass: 1,
      validationPerClass: 1,
    } as const;
    const load = (labels?: string) =>
      loadSplitData(disk, { ...options, labels }, folder);
    const plain = await load();
    const taken = await load(table);
    deepStrictEqual(taken.split.validation, plain.split.validation);
    const held = new Set(plain.split.validation);
    const given = [0, 2, 3, 4, 7];
    const own = plain.data.train.labels;
    // The last one is held back for validation, and keeps its class.
    deepStrictEqual(
      given.map((index) => held.has(index)),
      [false, false, false, false, true],
    );
    for (const index of given) {
      ok(held.has(index) || taken.split.labelled.includes(index), `${index}`);
      ok(!taken.split.unlabelled.includes(index));
    }
    deepStrictEqual(
      given.map((index) => taken.data.train.labels[index]),
      [2, 0, 9, 0, own[7]],
    );
    for (const index of plain.split.labelled) {
      ok(taken.split.labelled.includes(index));
    }
    strictEqual(
      taken.split.labelled.length + taken.split.unlabelled.length,
      plain.split.labelled.length + plain.split.unlabelled.length,
    );

    for (
      const [line, reason] of [
        ["data_batch_1.bin[0],circle", /line 2: there is no class circle/],
        ["data_batch_9.bin[0],square_1", /no training image data_batch_9/],
        ["test_batch.bin[0],square_1", /is a test image/],
      ] as const
    ) {
      await disk.write(table, `name,label\n${line}\n`);
      await rejects(load(table), reason);
    }
  });
});

Deno.test("renderLabelPage() finds a class by its name where there are many, and runs no code from names", async () => {
  const attack = `</script><img src=x onerror=alert(1)>`;
  const classNames = Array.from({ length: 60 }, (_, i) => `kind ${i}`);
  classNames[59] = attack;
  await withPage(
    classNames,
    [attack, "b.png"],
    async ({ page: path, browser }) => {
      const { page, complaints } = await open(browser, path, "dark");
      strictEqual(await page.locator("#choices button").count(), 9);
      strictEqual(await page.locator("#name").innerText(), attack);
      await page.keyboard.press("/");
      await page.keyboard.type("kind 47");
      await page.keyboard.press("Enter");
      strictEqual(await page.locator("#count").innerText(), "1 labelled");
      strictEqual(
        await page.locator("#strip span").first().innerText(),
        "kind 47",
      );
      strictEqual(await page.locator("img[src=x]").count(), 0);
      await page.screenshot({ path: `${OUT}/labels_dark.png`, fullPage: true });
      deepStrictEqual(complaints, []);
    },
  );
});

import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { loadSplitData, saveSplit } from "../../src/data/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { writeTinyCifar } from "../helpers/mod.ts";

const { disk } = realEnv;

Deno.test("a run goes on with the labels by hand that it began with", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 6, test: 2 });
    const table = `${folder}/labels.csv`;
    const load = () =>
      loadSplitData(disk, {
        kind: "cifar10",
        path: data,
        imageSize: 0,
        testFraction: 0,
        seed: 4,
        trainPerClass: 0,
        testPerClass: 0,
        labelsPerClass: 1,
        validationPerClass: 1,
        labels: table,
      }, `${folder}/run`);
    await rejects(
      load(),
      /Cannot read data.labels .*labels.csv: it is no file/,
    );
    await disk.write(table, "name:label\ndata_batch_1.bin[3]:square_7\n");
    await rejects(load(), {
      message: /it needs the columns name and label/,
      hint: "commas or semicolons part columns; its first line has name:label",
    });
    await disk.write(table, "name;label\ndata_batch_1.bin[3];square_7\n");
    const first = await load();
    deepStrictEqual([...first.byHand], [[3, 7]]);
    await disk.makeFolder(`${folder}/run`);
    await saveSplit(disk, `${folder}/run`, first);

    await disk.write(table, "name,label\ndata_batch_1.bin[4],square_0\n");
    const again = await load();
    strictEqual(again.fresh, false);
    deepStrictEqual([...again.byHand], [[3, 7]]);
    deepStrictEqual(again.split, first.split);
    await disk.remove(table);
    deepStrictEqual((await load()).dataHash, first.dataHash);
  } finally {
    await disk.remove(folder);
  }
});

import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Journal, readDone } from "../../cluster/coordinator/mod.ts";
import { realEnv } from "../../src/env/mod.ts";

Deno.test("readDone() knows the finished phases when the last line is torn", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { disk } = realEnv;
    strictEqual((await readDone(disk, folder)).size, 0);
    const journal = new Journal(realEnv, folder);
    const summary = { test_accuracy: 0.5 };
    await journal.append({ event: "phase_done", phase: "teacher", summary });
    await disk.append(
      `${folder}/events.jsonl`,
      '{"event":"phase_done","phase":"dist',
    );
    const done = await readDone(disk, folder);
    deepStrictEqual([...done], [["teacher", summary]]);

    await journal.mend();
    await journal.append({ event: "phase_done", phase: "distill", summary });
    deepStrictEqual([...(await readDone(disk, folder)).keys()], [
      "teacher",
      "distill",
    ]);
    ok((await disk.readText(`${folder}/events.jsonl`)).includes('"time":'));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

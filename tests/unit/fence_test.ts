import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { fence } from "../../cluster/rank/fence.ts";
import { realEnv } from "../../src/env/mod.ts";

Deno.test("fence() changes nothing for a rank that was frozen before the coordinator has said that it belongs to the run", async () => {
  const folder = await Deno.makeTempDir();
  try {
    let now = 0;
    let asked = 0;
    let answer: Promise<void> = Promise.resolve();
    const disk = fence(realEnv.disk, {
      clock: { now: () => now, wall: () => 0 },
      leaseMs: 1000,
      ask() {
        asked++;
        return answer;
      },
    });
    const path = `${folder}/lines`;
    for (const at of [0, 900, 1000]) {
      now = at;
      await disk.append(path, `${at}\n`);
    }
    strictEqual(asked, 1);

    now = 13_000;
    answer = Promise.reject(new Error("out"));
    const changes = [
      disk.append(path, "late\n"),
      disk.write(path, "late\n"),
      disk.truncate(path, 0),
      disk.rename(path, `${path}.old`),
      disk.remove(path),
      disk.makeFolder(`${folder}/late`),
      disk.lock(`${folder}/lock`),
    ];
    for (const change of changes) await rejects(change, /out/);
    strictEqual(await disk.readText(path), "0\n900\n1000\n");
    deepStrictEqual(
      (await disk.list(folder)).map(({ name }) => name),
      ["lines"],
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

import { deepStrictEqual, strictEqual } from "node:assert";
import { expandList, ownCores } from "../../cluster/launch/core_places.ts";
import { assertClose } from "../helpers/mod.ts";
import {
  command,
  ranksOf,
  readJson,
  teacherOnly,
  withTinyRun,
  withTraining,
} from "./train_process.ts";

Deno.test("train gives the same losses when 1, 2 or 3 processes share the batch", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const losses: number[][] = [];
    for (const ranks of [1, 2, 3]) {
      const run = `${folder}/ranks-${ranks}`;
      const { code, stderr } = await command([
        "train",
        config,
        `--ranks=${ranks}`,
        `--run-dir=${run}`,
        ...teacherOnly(20),
      ]);
      strictEqual(code, 0, stderr);
      const { ranks: table } = await readJson(`${run}/run.json`);
      strictEqual((table as unknown[]).length, ranks);
      const text = await Deno.readTextFile(`${run}/metrics.jsonl`);
      losses.push(
        text.trim().split("\n").map((line) => JSON.parse(line))
          .filter(({ split }) => split === "train").map(({ loss }) => loss),
      );
    }
    const [one, ...others] = losses;
    strictEqual(one!.length, 20);
    for (const other of others) assertClose(other, one!, { rtol: 1e-4 });
  });
});

/** Cores that a process may run on, as in `0-3,8`. */
async function coresOf(pid: number | "self"): Promise<string> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)![1]!;
}

Deno.test("ranks on a CPU have an even share of the cores each, and with --cores-per-rank 0 all of them", async () => {
  const all = await coresOf("self");
  const cores = expandList(all);
  const ranks = [2, 3, 5, 7].find((size) => cores.length % size === 0) ?? 2;
  // One core, or a number of them that nothing divides, is for all ranks.
  const each = cores.length % ranks === 0 ? cores.length / ranks : cores.length;
  const endless = [...teacherOnly(4000), `--ranks=${ranks}`];
  const ofRanks = async (...options: string[]) => {
    let lists: string[] = [];
    await withTraining([...endless, ...options], async (process, run) => {
      lists = await Promise.all((await ranksOf(run)).map(coresOf));
      process.signal("SIGTERM");
      await process.end;
    });
    return lists;
  };
  const own = (await ofRanks()).map(expandList);
  deepStrictEqual([...new Set(own.flat())], cores);
  for (const of of own) strictEqual(of.length, each);
  deepStrictEqual(
    await ofRanks("--cores-per-rank=0"),
    Array(ranks).fill(all),
  );
});

Deno.test("ownCores() leaves ranks on all cores where taskset may not place them", async () => {
  const folder = await Deno.makeTempDir();
  const path = Deno.env.get("PATH")!;
  // As where a sandbox forbids sched_setaffinity().
  const taskset = (allowed: boolean) =>
    Deno.writeTextFile(
      `${folder}/taskset`,
      `#!/bin/sh\ncase "$1" in -cp) echo "pid 1: 0-3" ;; *) exit ${
        allowed ? 0 : 1
      } ;; esac\n`,
      { mode: 0o755 },
    );
  try {
    Deno.env.set("PATH", `${folder}:${path}`);
    await taskset(true);
    deepStrictEqual(await ownCores(2), ["0,1", "2,3"]);
    await taskset(false);
    strictEqual(await ownCores(2), undefined);
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(folder, { recursive: true });
  }
});

import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import {
  checkNoneLeft,
  CommandProcess,
  eventsOf,
  readJson,
  withTinyRun,
} from "./train_process.ts";
import { PHASES } from "../helpers/mod.ts";

Deno.test("train leaves a complete run folder when two ranks run all phases", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/lr=0.1, wd=0/run`;
    const process = new CommandProcess([
      "train",
      config,
      "--run-dir",
      run,
      "phases.selfTrain.guard.startAccuracy=1",
    ]);
    await process.see(/^start /);
    // The password is in a file for its owner, not in any argument.
    const { mode } = await Deno.stat(`${run}/nats/rank.json`);
    strictEqual(mode! & 0o777, 0o600);
    const { password } = await readJson(`${run}/nats/rank.json`);
    await process.see(/^ready /);
    for (const pid of [process.pid, ...await childrenOf(process.pid)]) {
      const line = await Deno.readTextFile(`/proc/${pid}/cmdline`)
        .catch(() => "");
      strictEqual(line.includes(password as string), false, line);
    }
    const end = await process.end;
    strictEqual(end.code, 0, end.stderr);

    match(end.stderr, /^run {4}.*world 2 {3}resume no$/m);
    match(end.stderr, /^plan {3}teacher 10 -> distill 6 -> .* steps/m);
    match(end.stderr, /^ready {2}.* x2$/m);
    match(end.stdout, /^phase +test +validation/m);
    match(end.stdout, /^shipped {2}/m);
    match(end.stdout, new RegExp(`^report   ${run}/report.html$`, "m"));

    const files = (await Array.fromAsync(Deno.readDir(run)))
      .map(({ name }) => name).sort();
    for (
      const name of [
        "checkpoints",
        "config.json",
        "confusion.csv",
        "events.jsonl",
        "logs",
        "metrics.jsonl",
        "pseudo_labels.csv",
        "report.html",
        "run.json",
        "summary.json",
      ]
    ) ok(files.includes(name), `${name} in ${files}`);
    // Credentials and lock are gone with the run.
    deepStrictEqual(files.filter((name) => /^(nats|lock)/.test(name)), []);

    const record = await readJson(`${run}/run.json`);
    strictEqual(record.state, "done");
    const ranks = record.ranks as Record<string, unknown>[];
    deepStrictEqual(ranks.map(({ rank }) => rank), [0, 1]);
    for (const { host, pid, adapter } of ranks) {
      ok(host === Deno.hostname() && Number(pid) > 0 && adapter !== "");
    }
    // Both ranks have said it; people read it once.
    const [warning, ...more] = end.stderr.split("\n")
      .filter((line) => line.includes("selfTrain does not train"));
    match(warning!, /^warning: selfTrain does not train: its start gets /);
    deepStrictEqual(more, []);
    const said = warning!.replace("warning: ", "");
    ok((record.warnings as string[]).includes(said), `${record.warnings}`);
    const page = await Deno.readTextFile(`${run}/report.html`);
    ok(page.includes(`<li>${said}</li>`));
    const phases = record.phases as Record<string, unknown>[];
    deepStrictEqual(
      phases.map(({ name, state }) => [name, state]),
      PHASES.map((name) => [name, "done"]),
    );
    const summary = await readJson(`${run}/summary.json`);
    deepStrictEqual(Object.keys(summary.phases as object), [...PHASES]);
    const { baseline, distill } = summary.phases as Record<
      string,
      Record<string, number>
    >;
    // Two processes have filled the cache that later runs share.
    const { teacher_images_computed, teacher_images_cached } = distill!;
    strictEqual(teacher_images_computed! + teacher_images_cached!, 80);
    ok(teacher_images_computed! > 0);
    deepStrictEqual(summary.baseline, {
      test_accuracy: baseline!.test_accuracy,
    });
    const done = (await eventsOf(run)).filter(({ event }) =>
      event === "phase_done"
    );
    deepStrictEqual(done.map(({ phase }) => phase), [...PHASES]);
    await checkNoneLeft(run);
  });
});

async function childrenOf(pid: number): Promise<number[]> {
  const path = `/proc/${pid}/task/${pid}/children`;
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
}

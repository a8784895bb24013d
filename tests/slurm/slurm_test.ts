import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import {
  type CommandEnd,
  CommandProcess,
  eventsOf,
  readJson,
  teacherOnly,
  withTinyRun,
} from "../cluster/train_process.ts";
import { SlurmCluster, until } from "./slurm_cluster.ts";

/** More steps than any life below gets to do, so that all are interrupted. */
const STEPS = 150;

async function verb(
  cluster: SlurmCluster,
  ...args: string[]
): Promise<CommandEnd> {
  return await new CommandProcess(["slurm", ...args], cluster.env).end;
}

/** Submits a run of the teacher and resolves with the id of its job. */
async function submit(
  cluster: SlurmCluster,
  ...args: string[]
): Promise<string> {
  const { code, stdout, stderr } = await verb(
    cluster,
    ...args,
    "ranks=auto",
    "--json",
    ...teacherOnly(STEPS),
  );
  strictEqual(code, 0, stderr);
  return JSON.parse(stdout).jobs[0];
}

async function logOf(run: string): Promise<string> {
  const logs: string[] = [];
  for await (const { name } of Deno.readDir(run)) {
    if (/\.(log|stderr)$/.test(name)) {
      logs.push(await Deno.readTextFile(`${run}/${name}`));
    }
  }
  return logs.join("\n");
}

/** Fails with the job's log unless it ends well. */
async function complete(
  cluster: SlurmCluster,
  job: string,
  run: string,
): Promise<void> {
  const ends = ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"];
  strictEqual(
    await cluster.untilState(job, ends),
    "COMPLETED",
    await logOf(run),
  );
}

/** Step and loss of each line of training. */
async function losses(run: string): Promise<[step: number, loss: number][]> {
  const text = await Deno.readTextFile(`${run}/metrics.jsonl`);
  return text.trim().split("\n").map((line) => JSON.parse(line))
    .filter(({ split }) => split === "train")
    .map(({ step, loss }) => [step, loss]);
}

Deno.test("slurm submits runs that survive the time limit, the loss of a node and a cancellation", async (t) => {
  await using cluster = await SlurmCluster.start();
  await withTinyRun(async ({ folder, config }) => {
    const whole = `${folder}/whole`;
    const reference = new CommandProcess([
      "train",
      config,
      `--run-dir=${whole}`,
      ...teacherOnly(STEPS),
    ]);
    strictEqual((await reference.end).code, 0);
    const expected = await losses(whole);
    strictEqual(expected.at(-1)![0], STEPS);

    await t.step(
      "a job ends before its limit with a checkpoint, is requeued and ends as an uninterrupted run",
      async () => {
        const run = `${folder}/limit`;
        const job = await submit(
          cluster,
          config,
          `--run-dir=${run}`,
          "--nodes=2",
          "--partition=short",
          "--reserve=48",
        );
        await until(`job ${job} to be requeued`, async () =>
          /Restarts=1 /.test(
            await cluster.run("scontrol", "show", "job", "-o", job),
          ));
        await cluster.untilState(job, ["PENDING"]);
        // The second life may take as long as it needs.
        await cluster.run(
          "scontrol",
          "update",
          `JobId=${job}`,
          "Partition=main",
        );
        await cluster.run("scontrol", "update", `JobId=${job}`, "TimeLimit=5");
        await cluster.startNow(job);
        await complete(cluster, job, run);
        const events = await eventsOf(run);
        const stops = events.filter(({ event }) => event === "stop_requested");
        match(String(stops[0]!.cause), /time limit|SIGUSR2/);
        const lives = events.filter(({ event }) => event === "started");
        deepStrictEqual(
          lives.map(({ size, resumed }) => [size, resumed]),
          [[2, false], [2, true]],
        );
        const joined = events.filter(({ event }) => event === "joined");
        deepStrictEqual(
          joined.map(({ rank }) => rank).toSorted(),
          [0, 0, 1, 1],
        );
        deepStrictEqual(await losses(run), expected);
        strictEqual((await readJson(`${run}/run.json`)).state, "done");
        for (const file of ["job-1.sbatch", `slurm-${job}.log`]) {
          ok(await Deno.stat(`${run}/${file}`));
        }
      },
    );

    await t.step(
      "a job that loses a node is requeued and goes on from its checkpoint",
      async () => {
        const run = `${folder}/loss`;
        const job = await submit(
          cluster,
          config,
          `--run-dir=${run}`,
          "--nodes=1,1",
        );
        await until(
          "a checkpoint",
          async () => (await losses(run).catch(() => [])).length > 10,
        );
        await cluster.killNode("n2");
        await until(
          `job ${job} to be requeued`,
          async () => await cluster.state(job) === "PENDING",
        );
        cluster.startNode("n2");
        await cluster.startNow(job);
        await complete(cluster, job, run);
        deepStrictEqual(await losses(run), expected);
        const failed = (await eventsOf(run)).find(({ event }) =>
          event === "failed"
        );
        strictEqual(Object(failed!.failure).rank, 1);
      },
    );

    await t.step(
      "a cancelled job saves a checkpoint and stays away",
      async () => {
        const run = `${folder}/cancelled`;
        const job = await submit(
          cluster,
          config,
          `--run-dir=${run}`,
          "--nodes=1",
          "--ranks-per-node=2",
        );
        await until(
          "the training",
          async () => (await losses(run).catch(() => [])).length > 4,
        );
        await cluster.run("scancel", job);
        await cluster.untilState(job, ["CANCELLED"]);
        await until(
          "the end of the run",
          async () => (await eventsOf(run)).at(-1)!.event === "finished",
        );
        const events = await eventsOf(run);
        ok(
          events.some(({ event }) => event === "phase_stopped"),
          await logOf(run),
        );
        strictEqual(events.at(-1)!.code, 75);
        match(
          await cluster.run("scontrol", "show", "job", "-o", job),
          /JobState=CANCELLED .*Restarts=0 /,
        );
      },
    );
  });
});

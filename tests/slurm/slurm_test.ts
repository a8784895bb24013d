import {
  deepStrictEqual,
  match,
  notDeepStrictEqual,
  ok,
  strictEqual,
} from "node:assert";
import { assertClose } from "../helpers/mod.ts";
import {
  CommandProcess,
  type Event,
  eventsOf,
  ranksOf,
  readJson,
  teacherOnly,
  withTinyRun,
} from "../cluster/train_process.ts";
import { SlurmCluster, until } from "./slurm_cluster.ts";

/** More steps than any life below gets to do, so that all are interrupted. */
const STEPS = 150;

/** Submits a run of the teacher and resolves with the ids of its jobs. */
async function submit(
  cluster: Pick<SlurmCluster, "env">,
  ...args: string[]
): Promise<string[]> {
  const { code, stdout, stderr } = await new CommandProcess(
    ["slurm", ...args, "ranks=auto", "--json", ...teacherOnly(STEPS)],
    cluster.env,
  ).end;
  strictEqual(code, 0, stderr);
  return JSON.parse(stdout).jobs;
}

/**
 * What a job is given of the machine that submits it: a home that all nodes share,
 * caches that set-up has chosen there, and no way into the network.
 */
function loginEnv(home: string, temporary: string): Record<string, string> {
  const caches = `${Deno.cwd()}/.tools/cache`;
  return {
    HOME: home,
    TMPDIR: temporary,
    DENO_DIR: `${caches}/deno`,
    MESA_SHADER_CACHE_DIR: `${caches}/mesa`,
    HTTPS_PROXY: "http://127.0.0.1:9",
    https_proxy: "http://127.0.0.1:9",
  };
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

/** Waits until a run has done more than so many steps. */
async function steps(run: string, count: number): Promise<void> {
  await until(
    `${count} steps`,
    async () => (await losses(run).catch(() => [])).length > count,
  );
}

/** Lives of a run that have ended. */
async function ends(run: string): Promise<number> {
  return codesOf(await eventsOf(run)).length;
}

/** Exit code of each life of a run. */
function codesOf(events: readonly Event[]): unknown[] {
  return events.filter(({ event }) => event === "finished")
    .map(({ code }) => code);
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
    /** One that fails leaves nodes and jobs as the next one expects them. */
    const step = (name: string, action: () => Promise<void>) =>
      t.step(name, async () => {
        try {
          await action();
        } catch (error) {
          await cluster.recover().catch(() => {
            // The first error tells more.
          });
          throw error;
        }
      });

    await step(
      "the first job of a chain on nodes of two kinds ends near its limit with a checkpoint, and the second ends as an uninterrupted run",
      async () => {
        const run = `${folder}/chain`;
        const home = `${folder}/home`;
        const temporary = `${folder}/tmp`;
        for (const path of [home, temporary]) await Deno.mkdir(path);
        const [first, second] = await submit(
          { env: { ...cluster.env, ...loginEnv(home, temporary) } },
          config,
          `--run-dir=${run}`,
          "--nodes=1,1",
          "--jobs=2",
        );
        match(
          await cluster.run("scontrol", "show", "job", "-o", second!),
          RegExp(`JobState=PENDING .*Dependency=afterany:${first}\\b`),
        );
        const log = () => Deno.readTextFile(`${run}/slurm-${first}.log`);
        await until("a pace", async () => {
          const said = await log().catch(() => "");
          return [...said.matchAll(/^teacher +\d+\//gm)].length > 1;
        });
        // The second node's ranks have a server there.
        for (const file of ["node-n2", "rank"]) {
          const { mode } = await Deno.stat(`${run}/nats/${file}.json`);
          strictEqual(mode! & 0o777, 0o600, file);
        }
        for (const pid of await ranksOf(run)) {
          const variables = await Deno.readTextFile(`/proc/${pid}/environ`);
          const own = variables.split("\0").filter((text) =>
            /^(?:DENO_DIR|MESA_SHADER_CACHE_DIR)=/.test(text)
          );
          deepStrictEqual(own.toSorted(), [
            `DENO_DIR=${temporary}/signet-deno-${Deno.uid()}`,
            `MESA_SHADER_CACHE_DIR=${temporary}/signet-mesa-${Deno.uid()}`,
          ]);
        }
        // As SLURM does it near the limit.
        await cluster.run("scancel", "--batch", "--signal=USR1", first!);
        await complete(cluster, first!, run);
        await complete(cluster, second!, run);
        const said = await log();
        // In which one, this machine's pace decides.
        match(
          said,
          /^pace .* left: will finish in (?:this job, number 1|job \d) of 2/m,
        );
        match(said, /^stop {3}SIGUSR2: saving a checkpoint/m);
        match(said, /^stopped {2}after teacher-\d+; go on with: /m);
        const events = await eventsOf(run);
        const lives = events.filter(({ event }) => event === "started");
        deepStrictEqual(
          lives.map(({ size, resumed }) => [size, resumed]),
          [[2, false], [2, true]],
        );
        deepStrictEqual(codesOf(events), [75, 0]);
        deepStrictEqual(await losses(run), expected);
        strictEqual((await readJson(`${run}/run.json`)).state, "done");
        for (const job of [1, 2]) {
          ok(await Deno.stat(`${run}/job-${job}.sbatch`));
        }
        deepStrictEqual(await Array.fromAsync(Deno.readDir(home)), []);
      },
    );

    await step(
      "a job that loses the node of its coordinator is requeued by the ranks that are left, and goes on from its checkpoint",
      async () => {
        const run = `${folder}/put back`;
        const [job] = await submit(
          cluster,
          config,
          `--run-dir=${run}`,
          "--nodes=2",
        );
        await steps(run, 10);
        await cluster.killNode("n1");
        await cluster.markDown("n1");
        await cluster.untilState(job!, ["PENDING"]);
        match(
          await Deno.readTextFile(`${run}/logs/rank-1.stderr`),
          RegExp(`job ${job} has lost its coordinator: scontrol requeue$`, "m"),
        );
        cluster.startNode("n1");
        await cluster.startNow(job!);
        await complete(cluster, job!, run);
        deepStrictEqual(await losses(run), expected);
        deepStrictEqual(codesOf(await eventsOf(run)), [0]);
      },
    );

    await step(
      "an array trains each seed in a folder of its own; the one that is cancelled saves a checkpoint and stays away",
      async () => {
        const run = `${folder}/seeds`;
        const [array] = await submit(
          cluster,
          config,
          `--run-dir=${run}`,
          "--nodes=1",
          "--array=1-2",
        );
        const cancelled = `${run}/seed-2`;
        await steps(cancelled, 4);
        await cluster.run("scancel", `${array}_2`);
        await cluster.untilState(`${array}_2`, ["CANCELLED"]);
        await until(
          "the end of the run",
          async () => await ends(cancelled) === 1,
        );
        const events = await eventsOf(cancelled);
        ok(
          events.some(({ event }) => event === "phase_stopped"),
          await logOf(run),
        );
        deepStrictEqual(codesOf(events), [75]);
        match(
          await cluster.run("scontrol", "show", "job", "-o", `${array}_2`),
          /JobState=CANCELLED .*Restarts=0 /,
        );
        await complete(cluster, `${array}_1`, run);
        const trained = await losses(`${run}/seed-1`);
        strictEqual(trained.at(-1)![0], STEPS);
        const [other] = await losses(cancelled);
        notDeepStrictEqual(trained[0], other);
        for (const seed of [1, 2]) {
          const { seed: own } = await readJson(
            `${run}/seed-${seed}/config.json`,
          );
          strictEqual(own, seed);
          ok(await Deno.stat(`${run}/slurm-${array}-${seed}.log`));
        }
      },
    );

    await step(
      "srun alone starts ranks whose first one coordinates too",
      async () => {
        const run = `${folder}/srun`;
        await cluster.run(
          "env",
          "SIGNET_TUNING=",
          "srun",
          "--nodes=2",
          "--ntasks=2",
          "sh",
          "cluster/run.sh",
          "train",
          config,
          `--run-dir=${run}`,
          ...teacherOnly(3),
        );
        const events = await eventsOf(run);
        deepStrictEqual(codesOf(events), [0]);
        const joined = events.filter(({ event }) => event === "joined");
        deepStrictEqual(joined.map(({ rank }) => rank).toSorted(), [0, 1]);
      },
    );

    await step(
      "train in a shell of salloc, which is on none of the job's nodes, starts the ranks there",
      async () => {
        const run = `${folder}/salloc`;
        const said = await cluster.run(
          "salloc",
          "--quiet",
          "--nodes=2",
          "sh",
          "-c",
          'SIGNET_TUNING= sh cluster/run.sh train "$@" 2>&1',
          "train",
          config,
          `--run-dir=${run}`,
          ...teacherOnly(3),
        );
        match(said, /ranks 2 by srun on 2 nodes of job/);
        const events = await eventsOf(run);
        deepStrictEqual(codesOf(events), [0]);
        const joined = events.filter(({ event }) => event === "joined");
        deepStrictEqual(joined.map(({ rank }) => rank).toSorted(), [0, 1]);
      },
    );

    await step(
      "launch runs a program on the nodes of a job, and ends with the code of the rank that fails",
      async () => {
        const program = `${folder}/program.ts`;
        await Deno.writeTextFile(
          program,
          `import { init } from "${import.meta.resolve("../../mod.ts")}";
          await using world = await init();
          const sum = await world.allReduce(world.rank + 1);
          console.log(Deno.env.get("SLURMD_NODENAME"), sum);
          if (world.rank === Number(Deno.args[0])) Deno.exit(7);
          if (Deno.args[0] !== undefined) await world.recv({ from: 1 });`,
        );
        const launch = (...args: string[]) =>
          cluster.run(
            "salloc",
            "--quiet",
            "--nodes=2",
            // Of a node that is shared by two, neither may take all the memory.
            "--ntasks-per-node=2",
            "sh",
            "-c",
            'SIGNET_TUNING= sh cluster/run.sh launch -n 4 "$@"; echo "code $?"',
            "launch",
            program,
            ...args,
          );
        deepStrictEqual(
          (await launch()).split("\n").toSorted(),
          ["[0] n1 10", "[1] n1 10", "[2] n2 10", "[3] n2 10", "code 0"],
        );
        match(await launch("1"), /^code 7$/m);
      },
    );

    await step(
      "a job that loses a node goes on with the ranks of the other, and ends with their sums",
      async () => {
        const run = `${folder}/smaller`;
        const [job] = await submit(
          cluster,
          config,
          `--run-dir=${run}`,
          "--nodes=2",
          "onRankLoss=continue",
        );
        await steps(run, 10);
        await cluster.killNode("n2");
        await cluster.markDown("n2");
        await complete(cluster, job!, run);
        const events = await eventsOf(run);
        deepStrictEqual(codesOf(events), [0]);
        const lost = events.filter(({ event }) => event === "rank_lost");
        deepStrictEqual(
          lost.map(({ failure, members }) => [Object(failure).rank, members]),
          [[1, [0]]],
        );
        // The other has ended by itself, although srun still waits for the lost one.
        const left = events.find(({ event, rank }) =>
          event === "left" && rank === 0
        )!;
        deepStrictEqual([left.code, left.signal], [0, null]);
        const trained = await losses(run);
        deepStrictEqual(
          trained.map(([step]) => step),
          expected.map(([step]) => step),
        );
        assertClose(
          trained.map(([, loss]) => loss),
          expected.map(([, loss]) => loss),
          { rtol: 1e-3 },
        );
      },
    );
  });
});

import { deepStrictEqual, match, strictEqual } from "node:assert";
import { findOwnPlace } from "../../cluster/launch/mod.ts";
import { isAllocation, jobOf } from "../../cluster/slurm/mod.ts";
import { SlurmCluster, until } from "./slurm_cluster.ts";

/** In the place of a checkout's own: says that it runs, and obeys a signal. */
const RUN = `#!/bin/sh
trap 'echo "stopped" >>"$SIGNET_ROOT/calls"; exit 75' USR2 TERM
echo "life \${SLURM_RESTART_COUNT:-0}: $*" >>"$SIGNET_ROOT/calls"
[ "\${SLURM_RESTART_COUNT:-0}" = 0 ] || exit 0
if [ -n "\${KILLED:-}" ]; then
  srun sh -c "sleep 1; $KILLED" &
  sleep 3; kill -KILL $$
fi
sleep 60 & wait
`;

async function checkBatchScript(cluster: SlurmCluster): Promise<void> {
  const folder = `${cluster.folder}/checkout`;
  await Deno.mkdir(`${folder}/cluster`, { recursive: true });
  await Deno.writeTextFile(`${folder}/cluster/run.sh`, RUN);
  const calls = () => Deno.readTextFile(`${folder}/calls`).catch(() => "");
  const submit = async (...variables: string[]) => {
    await Deno.remove(`${folder}/calls`).catch(() => {});
    const job = await cluster.run(
      "env",
      `SIGNET_ROOT=${folder}`,
      ...variables,
      "sbatch",
      "--parsable",
      `--output=${folder}/%j.log`,
      "cluster/slurm/train.sbatch",
      "a.json",
      "name=a b",
    );
    await until("the job's call", async () => (await calls()).includes("life"));
    return job;
  };
  const restarts = async (job: string) =>
    /Restarts=(\d+)/.exec(
      await cluster.run("scontrol", "show", "job", "-o", job),
    )![1];
  // It does not always answer.
  await Deno.mkdir(`${folder}/bin`);
  const path = cluster.env.PATH!;
  await Deno.writeTextFile(
    `${folder}/bin/squeue`,
    `#!/bin/sh
if mkdir '${folder}/asked'; then echo "squeue: error: Socket timed out" >&2; exit 1; fi
PATH='${path}' exec squeue "$@"
`,
    { mode: 0o755 },
  );
  const limit = await submit(`PATH=${folder}/bin:${path}`);
  await cluster.run("scancel", "--batch", "--signal=USR1", limit);
  await until("the requeue", async () => await restarts(limit) === "1");
  await cluster.startNow(limit);
  await cluster.untilState(limit, ["COMPLETED"]);
  const words = "train --launcher slurm --resume auto a.json name=a b";
  strictEqual(
    await calls(),
    `life 0: ${words}\nstopped\nlife 1: ${words}\n`,
  );

  const cancelled = await submit();
  await cluster.run("scancel", cancelled);
  await cluster.untilState(cancelled, ["CANCELLED"]);
  await until("its stop", async () => (await calls()).includes("stopped"));
  strictEqual(await restarts(cancelled), "0");

  // Its ranks, which notice, judge whether there is something to go on from.
  const killed = await submit(
    'KILLED=sleep 4; scontrol requeue "$SLURM_JOB_ID"',
  );
  await until("the requeue", async () => await restarts(killed) === "1");
  await cluster.startNow(killed);
  await cluster.untilState(killed, ["COMPLETED"]);
  const over = await submit("KILLED=exit 75");
  await cluster.untilState(over, ["FAILED"]);
  strictEqual(await restarts(over), "0");

  const chained = await submit("SIGNET_JOB=1", "SIGNET_JOBS=2");
  await cluster.run("scancel", "--batch", "--signal=USR1", chained);
  await cluster.untilState(chained, ["COMPLETED"]);
  strictEqual(await restarts(chained), "0");
}

async function checkVariables(cluster: SlurmCluster): Promise<void> {
  const variables = (text: string) => {
    const pairs = text.trim().split("\n").map((line) => line.split(/=(.*)/s));
    const map = new Map(pairs.map(([name, value]) => [name, value]));
    return (name: string) => map.get(name);
  };
  const file = (name: string) => `${cluster.folder}/${name}`;
  const dump = (name: string, header: string, srun: string) =>
    Deno.writeTextFile(
      file(name),
      `#!/bin/sh
${header}
env | grep SLURM >"${file(name)}.env"
srun ${srun} sh -c 'env | grep -E "SLURM|PMI" >"${file(name)}.$SLURM_PROCID"'
`,
    );
  const task = async (name: string, rank: number) =>
    variables(await Deno.readTextFile(`${file(name)}.${rank}`));
  const place = async (name: string, rank: number) =>
    findOwnPlace(await task(name, rank));
  const twoEach = "#SBATCH -N2 --ntasks-per-node=2";
  await dump("plain", twoEach, "-n4");
  await dump("pmi2", twoEach, "--mpi=pmi2 -n4");
  // What salloc starts its shell with (InteractiveStepOptions), but for the terminal.
  await dump(
    "shell",
    twoEach,
    "-n1 -N1 --mem-per-cpu=0 --interactive --preserve-env --mpi=none",
  );
  await dump(
    "mixed",
    "#SBATCH -N1 -n1\n#SBATCH hetjob\n#SBATCH -N1 -n2 --cpus-per-task=1",
    "--het-group=0 true : --het-group=1 true\nsrun --het-group=0,1",
  );
  for (const name of ["plain", "pmi2", "shell", "mixed"]) {
    const job = await cluster.run(
      "sbatch",
      "--parsable",
      `--output=${file(name)}.log`,
      file(name),
    );
    await cluster.untilState(job, ["COMPLETED"]);
  }
  const script = async (name: string) =>
    jobOf(variables(await Deno.readTextFile(`${file(name)}.env`)));
  const plain = await script("plain");
  strictEqual(plain.size, 4);
  deepStrictEqual(
    plain.nodes.map(({ name, firstRank, tasks }) => [name, firstRank, tasks]),
    [["n1", 0, 2], ["n2", 2, 2]],
  );
  strictEqual(plain.node, "n1");
  const mixed = await script("mixed");
  deepStrictEqual(
    mixed.nodes.map(({ name, component, firstRank, tasks }) => [
      name,
      component,
      firstRank,
      tasks,
    ]),
    [["n1", 0, 0, 1], ["n2", 1, 1, 2]],
  );
  for (const name of ["plain", "pmi2"]) {
    deepStrictEqual(await place(name, 3), {
      rank: 3,
      size: 4,
      localRank: 1,
      node: "n2",
      together: false,
      launcher: "srun",
    });
  }
  strictEqual((await task("pmi2", 3))("PMI_RANK"), "3");
  strictEqual(await place("shell", 0), undefined);
  const shell = await task("shell", 0);
  deepStrictEqual(
    [isAllocation(shell), jobOf(shell).size, jobOf(shell).node],
    [true, 4, "n1"],
  );
  deepStrictEqual(await place("mixed", 2), {
    rank: 2,
    size: 3,
    localRank: 1,
    node: "n2",
    together: false,
    launcher: "srun",
  });
  match(
    await Deno.readTextFile(`${file("plain")}.env`),
    /^SLURM_TASKS_PER_NODE=2\(x2\)$/m,
  );
}

Deno.test("train.sbatch and what reads SLURM's variables work under a real SLURM", async (t) => {
  await using cluster = await SlurmCluster.start();
  await t.step(
    "train.sbatch goes back into the queue near its limit, unless cancelled or followed by the next of a chain",
    () => checkBatchScript(cluster),
  );
  await t.step(
    "jobOf() and findOwnPlace() read what is set in scripts, steps and parts of jobs",
    () => checkVariables(cluster),
  );
});

import {
  deepStrictEqual,
  match,
  ok,
  rejects,
  strictEqual,
  throws,
} from "node:assert";
import fc from "fast-check";
import { ConfigError, EnvironmentError } from "../../src/env/mod.ts";
import { findOwnPlace } from "../../cluster/launch/mod.ts";
import {
  batchScript,
  countArray,
  forecast,
  formatDuration,
  idleGpus,
  isAllocation,
  type Job,
  jobOf,
  jobsNeeded,
  parseDuration,
  parsePartitions,
  slurmProgram,
  stepArguments,
  stepOf,
  taskEnds,
} from "../../cluster/slurm/mod.ts";

function lookupIn(variables: Record<string, string>) {
  return (name: string) => variables[name];
}

Deno.test("parseDuration() and formatDuration() speak SLURM's times", () => {
  const seconds = [
    ["90", 5400],
    ["4:30", 270],
    ["1:00:00", 3600],
    [
      "1-12",
      129_600,
    ],
    ["2-00:00:01", 172_801],
    ["UNLIMITED", Infinity],
  ] as const;
  for (const [text, value] of seconds) {
    strictEqual(parseDuration(text), value);
  }
  fc.assert(fc.property(fc.nat(10_000_000), (value) => {
    strictEqual(parseDuration(formatDuration(value)), value);
  }));
  throws(() => parseDuration("soon"), ConfigError);
});

Deno.test("parsePartitions() finds the GPUs, cores and limits of partitions", () => {
  deepStrictEqual(
    parsePartitions(
      "gpu*|1-00:00:00|(null)|8|3\ngpu*|1-00:00:00|gpu:tesla:4(S:0-1),nic:2|16+|6\ngpu*|1-00:00:00|gpu:2|32|1\ncpu|infinite|(null)|8|2",
    ),
    [
      {
        name: "gpu",
        isDefault: true,
        gpusPerNode: 2,
        gpuKinds: ["tesla"],
        cpusPerNode: 16,
        nodes: 7,
        timeLimit: 86_400,
      },
      {
        name: "cpu",
        isDefault: false,
        gpusPerNode: 0,
        gpuKinds: [],
        cpusPerNode: 8,
        nodes: 2,
        timeLimit: Infinity,
      },
    ],
  );
});

const HET = {
  SLURM_JOB_ID: "3",
  SLURM_HET_SIZE: "2",
  SLURM_JOB_NODELIST: "a1",
  SLURM_JOB_NODELIST_HET_GROUP_0: "a1",
  SLURM_TASKS_PER_NODE_HET_GROUP_0: "1",
  SLURM_JOB_NODELIST_HET_GROUP_1: "t[1-2]",
  SLURM_TASKS_PER_NODE_HET_GROUP_1: "2(x2)",
  SLURM_NTASKS_HET_GROUP_1: "4",
  SLURMD_NODENAME: "a1",
};

Deno.test("jobOf() lays out the ranks of plain and heterogeneous jobs", () => {
  const job = jobOf(lookupIn(HET));
  strictEqual(job.size, 5);
  deepStrictEqual(
    job.nodes.map(({ name, component, firstRank }) => [
      name,
      component,
      firstRank,
    ]),
    [["a1", 0, 0], ["t1", 1, 1], ["t2", 1, 3]],
  );
  const { id } = jobOf(lookupIn({
    SLURM_JOB_ID: "7",
    SLURM_ARRAY_JOB_ID: "7",
    SLURM_ARRAY_TASK_ID: "2",
    SLURM_JOB_NODELIST: "a1",
  }));
  strictEqual(id, "7_2");
  throws(() => jobOf(lookupIn({})), EnvironmentError);
  throws(
    () =>
      jobOf(lookupIn({
        SLURM_JOB_ID: "1",
        SLURM_JOB_NODELIST: "n[1-3]",
        SLURM_TASKS_PER_NODE: "2(x2)",
      })),
    /3 nodes in n\[1-3\], 2 task counts/,
  );
  throws(
    () => jobOf(lookupIn({ SLURM_JOB_ID: "1" })),
    /SLURM_JOB_NODELIST is not set/,
  );
});

Deno.test("isAllocation() and jobOf() take a task a node where a job says no number, and no count of cores", () => {
  // As salloc -N2 sets them, and with --exclusive.
  const two = {
    SLURM_JOB_ID: "1",
    SLURM_JOB_NUM_NODES: "2",
    SLURM_JOB_NODELIST: "n[1-2]",
    SLURM_TASKS_PER_NODE: "1(x2)",
  };
  strictEqual(isAllocation(lookupIn(two)), true);
  strictEqual(jobOf(lookupIn(two)).size, 2);
  throws(
    () => jobOf(lookupIn({ ...two, SLURM_TASKS_PER_NODE: "64(x2)" })),
    /does not say how many tasks a node has/,
  );
  const parts = { SLURM_JOB_ID: "1", SLURM_NTASKS: "1", SLURM_HET_SIZE: "2" };
  strictEqual(isAllocation(lookupIn(parts)), true);
  const one = { ...two, SLURM_JOB_NUM_NODES: "1", SLURM_TASKS_PER_NODE: "64" };
  strictEqual(isAllocation(lookupIn(one)), false);
  const within = (step: string) =>
    isAllocation(lookupIn({ ...two, SLURM_STEP_ID: step }));
  strictEqual(within("0"), false);
  // The shell of salloc, where LaunchParameters=use_interactive_step.
  strictEqual(within("4294967290"), true);
});

Deno.test("idleGpus() tells of GPUs of a job that no rank is for", () => {
  const gpus = (count: string) =>
    idleGpus(jobOf(lookupIn({
      SLURM_JOB_ID: "1",
      SLURM_JOB_NODELIST: "n[1-2]",
      SLURM_TASKS_PER_NODE: "2,1",
      SLURM_NTASKS: "3",
      SLURMD_NODENAME: "n1",
      SLURM_GPUS_ON_NODE: count,
    })));
  strictEqual(gpus("2"), undefined);
  strictEqual(
    gpus("4"),
    "n1 has 4 GPUs for 2 ranks of this job: --ntasks-per-node=4 uses all of them",
  );
});

Deno.test("stepArguments() gives each part of a job its own tasks and cores", () => {
  const plain = jobOf(lookupIn({
    SLURM_JOB_ID: "1",
    SLURM_JOB_NODELIST: "n[1-2]",
    SLURM_TASKS_PER_NODE: "4(x2)",
    SLURM_NTASKS: "8",
    SLURM_CPUS_PER_TASK: "8",
    SLURM_JOB_GPUS: "0,1,2,3",
  }));
  const shown = (job: Job) =>
    stepArguments(job, { name: "a", command: ["x"] }).filter((word) =>
      /^(:|x|--(het|job|nodes|nt|cpus|gpus))/.test(word)
    ).join(" ");
  strictEqual(
    shown(plain),
    "--job-name=a --nodes=2 --ntasks=8 --cpus-per-task=8 --gpus-per-task=1 x",
  );
  strictEqual(
    shown(jobOf(lookupIn(HET))),
    "--het-group=0 --job-name=a --nodes=1 --ntasks=1 x : --het-group=1 --job-name=a --nodes=2 --ntasks=4 x",
  );
});

Deno.test("stepOf() starts each rank of a program on the node of its task", async () => {
  const job = jobOf(lookupIn(HET));
  deepStrictEqual(
    [0, 1, 2, 3, 4].map((rank) =>
      stepOf(job, rank).filter((word) => /^--(het|nodelist)/.test(word)).join(
        " ",
      )
    ),
    [
      "--het-group=0 --nodelist=a1",
      "--het-group=1 --nodelist=t1",
      "--het-group=1 --nodelist=t1",
      "--het-group=1 --nodelist=t2",
      "--het-group=1 --nodelist=t2",
    ],
  );
  await rejects(
    slurmProgram(job, 6),
    new ConfigError("Cannot launch 6 ranks: job 3 has 5 tasks", {
      hint: "-n 5, or a job with --ntasks=6",
    }),
  );
});

Deno.test("taskEnds() names the ranks in the words of their tasks and of srun", () => {
  const job: Job = jobOf(lookupIn(HET));
  const ends = (line: string) => taskEnds(line, job);
  deepStrictEqual(
    ends("srun: error: t1: tasks 0-1: Exited with exit code 3"),
    [{ rank: 1, code: 3, signal: null }, { rank: 2, code: 3, signal: null }],
  );
  deepStrictEqual(
    ends("srun: error: t2: task 2: Killed"),
    [{ rank: 3, code: 1, signal: "SIGKILL" }],
  );
  deepStrictEqual(
    ends("srun: error: a1: task 0: Segmentation fault (core dumped)"),
    [{ rank: 0, code: 1, signal: "SIGSEGV" }],
  );
  deepStrictEqual(
    ends("signet: rank 4 ended with code 0"),
    [{ rank: 4, code: 0, signal: null }],
  );
  deepStrictEqual(
    ends("signet: rank 2 ended with code 137"),
    [{ rank: 2, code: 1, signal: "SIGKILL" }],
  );
  deepStrictEqual(ends("signet: rank 5 ended with code 0"), []);
  deepStrictEqual(ends("srun: error: Node failure on t1"), []);
  deepStrictEqual(ends("srun: Force Terminated StepId=4.0"), []);
  deepStrictEqual(ends("srun: error: Unable to create step"), []);
});

Deno.test("findOwnPlace() recognises mpirun, PMI and srun, and no batch script", () => {
  const place = (variables: Record<string, string>) =>
    findOwnPlace(lookupIn(variables));
  const slurm = { SLURM_PROCID: "0", SLURM_NTASKS: "4", SLURM_LOCALID: "0" };
  strictEqual(place({}), undefined);
  strictEqual(place(slurm), undefined);
  const step = { ...slurm, SLURM_STEP_ID: "0", SLURMD_NODENAME: "n1" };
  deepStrictEqual(place(step), {
    rank: 0,
    size: 4,
    localRank: 0,
    node: "n1",
    together: false,
    launcher: "srun",
  });
  // mpirun's daemons are started by srun: its own variables count.
  const mpi = {
    ...step,
    OMPI_COMM_WORLD_RANK: "3",
    OMPI_COMM_WORLD_SIZE: "4",
    OMPI_COMM_WORLD_LOCAL_RANK: "3",
    OMPI_COMM_WORLD_LOCAL_SIZE: "4",
  };
  deepStrictEqual(place(mpi), {
    rank: 3,
    size: 4,
    localRank: 3,
    together: true,
    launcher: "Open MPI",
  });
  strictEqual(place({ PMI_RANK: "1", PMI_SIZE: "2" })!.localRank, undefined);
  // srun --mpi=pmi2 has both.
  deepStrictEqual(
    place({
      ...step,
      SLURM_PROCID: "3",
      SLURM_LOCALID: "1",
      PMI_RANK: "3",
      PMI_SIZE: "4",
    }),
    {
      rank: 3,
      size: 4,
      localRank: 1,
      node: "n1",
      together: false,
      launcher: "srun",
    },
  );
  // Daemons of an MPI without a local rank.
  strictEqual(
    place({ ...step, PMI_RANK: "5", PMI_SIZE: "8" })!.localRank,
    undefined,
  );
  strictEqual(place({ ...step, SLURM_STEP_ID: "4294967290" }), undefined);
  throws(() => place({ PMI_RANK: "2", PMI_SIZE: "2" }), /rank 2 of 2/);
  throws(() => place({ PMI_RANK: "1" }), /PMI_SIZE=""/);
});

Deno.test("batchScript() writes the options of every kind of node", async () => {
  const template = await Deno.readTextFile("cluster/slurm/train.sbatch");
  const text = batchScript({
    template,
    name: "signet-x",
    components: [
      {
        partition: "a100",
        nodes: 2,
        ranksPerNode: 4,
        gpusPerNode: 4,
        cpusPerRank: 8,
      },
      {
        partition: "cpu",
        nodes: 1,
        ranksPerNode: 1,
        gpusPerNode: 0,
        cpusPerRank: 2,
      },
    ],
    timeLimit: 14_400,
    lead: 90,
    root: "/home/a user/signet",
    output: "/home/x/%j.log",
    train: ["a.json", "'data.path=a b'"],
    chain: { job: 2, jobs: 3 },
    extra: "--account=lab --gres=gpu:a100:2",
  });
  const lines = text.split("\n");
  strictEqual(lines[0], "#!/bin/sh");
  for (
    const line of [
      "#SBATCH --time=04:00:00",
      "#SBATCH --signal=B:USR1@90",
      "#SBATCH --gres=gpu:4",
      "#SBATCH hetjob",
      "export SIGNET_ROOT='/home/a user/signet'",
      "export SIGNET_JOB=2 SIGNET_JOBS=3",
      "set -- a.json 'data.path=a b'",
    ]
  ) ok(lines.includes(line), `${line} is not in\n${text}`);
  // Every part of a job outlives the loss of a node, and has the user's options.
  for (const option of ["nodes=", "no-kill", "account=lab --gres=gpu:a100:2"]) {
    strictEqual(text.match(RegExp(`^#SBATCH --${option}`, "gm"))!.length, 2);
  }
  // Of options that are given twice SLURM takes the last.
  const own = lines.indexOf("#SBATCH --account=lab --gres=gpu:a100:2");
  ok(own > lines.indexOf("#SBATCH --gres=gpu:4"), text);
  // SLURM stops reading options at the first command.
  const last = lines.findLastIndex((line) => line.startsWith("#SBATCH"));
  strictEqual(lines.indexOf("set -u"), last + 1);
  const checked = await new Deno.Command("sh", {
    args: ["-n", "-c", text],
    stderr: "piped",
  }).output();
  match(new TextDecoder().decode(checked.stderr), /^$/);
});

Deno.test("countArray() counts the jobs of an array", () => {
  const counts = { "1-5": 5, "1,7,9%2": 3, "0-20:5": 5, "0-21:5,3": 6, "7": 1 };
  for (const [text, count] of Object.entries(counts)) {
    strictEqual(countArray(text), count, text);
  }
  for (const wrong of ["", "x", "5-1", "1-5:0", "1,,2", "1%2%3", "1%x"]) {
    strictEqual(countArray(wrong), 0, wrong);
  }
});

Deno.test("jobsNeeded() and forecast() count the jobs that a run takes", () => {
  const budget = { limit: 3600, reserve: 120 };
  strictEqual(jobsNeeded(10, budget), 1);
  strictEqual(jobsNeeded(3420, budget), 1);
  strictEqual(jobsNeeded(3421, budget), 2);
  strictEqual(jobsNeeded(1e6, { limit: Infinity, reserve: 0 }), 1);
  strictEqual(forecast(100, { job: 2, left: 1000, budget }), 2);
  strictEqual(forecast(1000 + 3420 + 1, { job: 1, left: 1120, budget }), 3);
});

/** Runs a verb with the arguments behind it; resolves with the exit code. */
export type Verb = (args: readonly string[]) => Promise<number>;

interface Entry {
  /** One line for the list of verbs. */
  about: string;
  /** Not in the list: for other verbs. */
  hidden?: boolean;
  load(): Promise<Verb>;
}

/** All verbs. Each is loaded when it is called, so none slows down another. */
export const VERBS: Readonly<Record<string, Entry>> = {
  train: {
    about: "run the phases of a configuration on all ranks",
    load: async () => (await import("./train.ts")).train,
  },
  launch: {
    about: "start any TypeScript program as N ranks, like mpirun",
    load: async () => (await import("./launch.ts")).launch,
  },
  slurm: {
    about: "write and submit the batch script of a run",
    load: async () => (await import("./slurm.ts")).slurm,
  },
  bundle: {
    about: "one archive for nodes without network",
    load: async () => (await import("./bundle.ts")).bundle,
  },
  ca: {
    about: "an authority and certificates for runs over several machines",
    load: async () => (await import("./ca.ts")).ca,
  },
  plan: {
    about: "what would run: phases, memory, exchanges, before it runs",
    load: async () => (await import("./plan.ts")).plan,
  },
  evaluate: {
    about: "test a model on labelled images",
    load: async () => (await import("./evaluate.ts")).evaluate,
  },
  predict: {
    about: "what is on pictures, with confidences",
    load: async () => (await import("./predict.ts")).predict,
  },
  embed: {
    about: "features of pictures",
    load: async () => (await import("./embed.ts")).embed,
  },
  "pseudo-label": {
    about: "label the pictures that a model is sure of",
    load: async () => (await import("./pseudo_label.ts")).pseudoLabel,
  },
  "label-queue": {
    about: "a page to label the images that a run is least sure of",
    load: async () => (await import("./label_queue.ts")).labelQueue,
  },
  export: {
    about: "write a model with timm's or Hugging Face's names",
    load: async () => (await import("./export.ts")).exportModel,
  },
  import: {
    about: "take a model of timm or Hugging Face over",
    load: async () => (await import("./import.ts")).importModel,
  },
  golden: {
    about: "compare kernels and models with golden tensors",
    load: async () => (await import("./golden.ts")).golden,
  },
  report: {
    about: "write report.html of a run folder again",
    load: async () => (await import("./report.ts")).report,
  },
  compare: {
    about: "the figures of several runs side by side",
    load: async () => (await import("./compare.ts")).compare,
  },
  sweep: {
    about: "many settings and seeds: table with intervals, accuracy by labels",
    load: async () => (await import("./sweep.ts")).sweep,
  },
  data: {
    about: "check image sets, show how they would be split",
    load: async () => (await import("./data.ts")).data,
  },
  doctor: {
    about: "what is wrong with this machine and how to fix it",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  devices: {
    about: "the Vulkan devices of this machine, by UUID",
    load: async () => (await import("./devices.ts")).devices,
  },
  bench: {
    about: "kernels and training steps, timed beside other libraries",
    load: async () => (await import("./bench.ts")).bench,
  },
  test: {
    about: "the whole test suite, or parts of it",
    load: async () => (await import("./test.ts")).test,
  },
  rank: {
    about: "one rank of a run; started by launchers",
    hidden: true,
    load: async () => (await import("./rank.ts")).rank,
  },
  "measure-rank": {
    about: "steps of one rank without the others; started by plan",
    hidden: true,
    load: async () => (await import("./measure_rank.ts")).measureRank,
  },
};

/** What `--help` prints. */
export function overview(): string {
  const shown = Object.entries(VERBS).filter(([, entry]) => !entry.hidden);
  const width = Math.max(...shown.map(([verb]) => verb.length)) + 2;
  return [
    "Signet trains Vision Transformers with few labels on clusters of GPUs.",
    "",
    "Usage: deno task <verb> [arguments]",
    "       sh cluster/run.sh <verb> [arguments]   installs what is missing first",
    "",
    ...shown.map(([verb, entry]) => `  ${verb.padEnd(width)}${entry.about}`),
    "",
    "`<verb> --help` tells more. Exit codes: 0 ok, 1 failed, 2 usage or configuration,",
    "3 environment not usable, 75 checkpointed and asks to be started again, 130 interrupted.",
  ].join("\n");
}

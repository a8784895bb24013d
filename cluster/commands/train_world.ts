import { type Config, mostRanks } from "../../src/config/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { checkPlaces, type Survey, surveyGpus } from "../gpus/mod.ts";
import {
  findOwnPlace,
  type GpuWish,
  groupStarter,
  localStarter,
  parseHosts,
  sshStarter,
  type Starter,
  waitingStarter,
} from "../launch/mod.ts";
import {
  idleGpus,
  isAllocation,
  jobOf,
  parseDuration,
  secondsLeft,
  slurmStarter,
  type TimeBudget,
  timeBudget,
} from "../slurm/mod.ts";
import type { Options } from "./options.ts";
import { checkBatch } from "./slurm_layout.ts";

const LAUNCHERS = ["auto", "local", "slurm", "ssh", "join"] as const;

/** When this process must have ended. */
export interface TimeLimit {
  budget: TimeBudget;
  /** Seconds from now on. */
  left: number;
  /** Number of the job, from 1 on. */
  job: number;
  /** Jobs of the chain that it is in. */
  jobs?: number;
}

/** The ranks of a run: how many, and who starts them. */
export interface World {
  size: number;
  starter?: Starter;
  /** Whoever started this process does so again after exit code 75. */
  requeue: boolean;
  time?: TimeLimit;
}

/**
 * Runs this process as a rank when mpirun or srun has made it one that does not
 * coordinate; resolves with its exit code, with nothing when it is to coordinate.
 */
export async function joinAsRank(
  options: Options,
): Promise<number | undefined> {
  const place = ownPlace(options);
  if (place === undefined) return undefined;
  const folder = options.string("run-dir");
  if (folder === undefined) {
    throw new ConfigError(
      `Cannot train as ${place.size} processes of ${place.launcher}: they must agree on a run folder`,
      { hint: "add --run-dir DIR, on a disk that all of them share" },
    );
  }
  if (place.rank === 0) return undefined;
  const { rank } = await import("./rank.ts");
  return await rank([`--run-dir=${folder}`]);
}

function launcherOf(options: Options): typeof LAUNCHERS[number] {
  const name = options.string("launcher") ?? "auto";
  const launcher = LAUNCHERS.find((known) => known === name);
  const hosts = options.string("hosts");
  if (launcher === "auto" && hosts !== undefined) return "ssh";
  if (launcher !== undefined && launcher !== "ssh" && hosts !== undefined) {
    throw new ConfigError(
      `Cannot use --hosts with --launcher ${name}: it starts no ranks there`,
      { hint: "--launcher ssh does" },
    );
  }
  if (
    launcher === "auto" && isAllocation((name) => Deno.env.get(name))
  ) return "slurm";
  if (launcher !== undefined) return launcher;
  throw new ConfigError(`Cannot use --launcher ${name}: there is none of it`, {
    hint: `launchers: ${
      LAUNCHERS.join(" ")
    }; auto takes what mpirun or srun has started`,
  });
}

/** The place that mpirun or srun gave, when there are others too. */
function ownPlace(options: Options) {
  if (launcherOf(options) !== "auto") return undefined;
  const place = findOwnPlace((name) => Deno.env.get(name));
  return place !== undefined && place.size > 1 ? place : undefined;
}

/** Who starts how many ranks, from the options, the environment and SLURM. */
export async function chooseWorld(
  options: Options,
  { config, gpus, survey }: {
    config: Config;
    gpus: GpuWish;
    survey: Promise<Survey> | undefined;
  },
  say: (line: string) => void,
): Promise<World> {
  const launcher = launcherOf(options);
  const host = hostOf(options);
  const limit = options.string("time-limit");
  const own = limit === undefined ? undefined : parseDuration(limit);
  const reserve = options.number("reserve") ?? 0;
  if (own !== undefined && own <= reserve) {
    throw new ConfigError(
      `Cannot train for ${limit}: ${reserve} s of it are kept back for the last checkpoint`,
      { hint: "a longer --time-limit, or less --reserve" },
    );
  }
  const time = own === undefined || own === Infinity
    ? {}
    : { time: timeLimit(own, options) };
  const place = ownPlace(options);
  const coresPerRank = options.number("cores-per-rank");
  const elsewhere = place?.launcher ??
    (launcher === "auto" || launcher === "local" ? undefined : launcher);
  if (coresPerRank !== undefined && elsewhere !== undefined) {
    throw new ConfigError(
      `Cannot use --cores-per-rank with ranks by ${elsewhere}: it is for those that this process starts itself`,
    );
  }
  if (place !== undefined) {
    const size = agreed(config, place.size, place.launcher);
    return {
      size,
      starter: groupStarter(place, host),
      requeue: false,
      ...time,
    };
  }
  switch (launcher) {
    case "slurm":
      return await slurmWorld(config, options, { own, host, say });
    case "ssh": {
      const hosts = await hostsOf(options);
      const all = hosts.reduce((sum, { ranks }) => sum + ranks, 0);
      const size = agreed(config, all, "--hosts");
      return {
        size,
        starter: sshStarter(hosts, host),
        requeue: false,
        ...time,
      };
    }
    case "join": {
      if (config.ranks === "auto") {
        throw new ConfigError("Cannot wait for workers: how many is not said", {
          hint: "add --ranks N",
        });
      }
      const starter = waitingStarter({
        host,
        own: options.string("nats") === undefined,
        onReady: ({ url, tokenFile, size }) =>
          say(
            `join   ${size} times: sh cluster/run.sh rank --join ${url} --token-file ${tokenFile}`,
          ),
      });
      return { size: config.ranks, starter, requeue: false, ...time };
    }
    default: {
      const seen = (await survey)!;
      return {
        size: await sizeHere(seen, config, gpus),
        starter: localStarter({ survey: seen, coresPerRank }),
        requeue: false,
        ...time,
      };
    }
  }
}

/**
 * Looks what this machine computes on, where it is to start the ranks. What is
 * wrong shows when it is awaited.
 */
export function beginSurvey(
  options: Options,
  gpus: GpuWish,
): Promise<Survey> | undefined {
  const launcher = launcherOf(options);
  if (launcher !== "local" && launcher !== "auto") return undefined;
  if (ownPlace(options) !== undefined) return undefined;
  const survey = surveyHere(gpus);
  survey.catch(() => {});
  return survey;
}

function surveyHere({ adapter: wish }: GpuWish): Promise<Survey> {
  return surveyGpus(realEnv, { wish, lookup: (name) => Deno.env.get(name) });
}

/** Where the servers of the run listen, and are reached. */
function hostOf(options: Options): string | undefined {
  const host = options.string("host");
  if (host === undefined || !/^(?:0\.0\.0\.0|\[?::\]?|\*)$/.test(host)) {
    return host;
  }
  throw new ConfigError(
    `Cannot use --host ${host}: other machines do not reach this one by it`,
    { hint: "its address in their network; left out, it is found out" },
  );
}

/** How many ranks this machine takes: one for each GPU; on a CPU adapter two, which share it. */
async function sizeHere(
  survey: Survey,
  config: Config,
  gpus: GpuWish,
): Promise<number> {
  const size = config.ranks === "auto"
    ? Math.min(survey.usable.length || 2, mostRanks(config))
    : config.ranks;
  await checkPlaces(realEnv.disk, survey, {
    ...gpus,
    localSize: size,
    startsBehind: true,
  });
  return size;
}

/** The launcher's number of ranks, which the configuration must not contradict. */
function agreed(config: Config, size: number, launcher: string): number {
  if (config.ranks !== "auto" && config.ranks !== size) {
    throw new ConfigError(
      `Cannot train on ${config.ranks} ranks: ${launcher} gives ${size}`,
      { hint: "ranks=auto takes what is given" },
    );
  }
  checkBatch(config, size);
  return size;
}

async function slurmWorld(
  config: Config,
  options: Options,
  { own, host, say }: {
    own: number | undefined;
    host: string | undefined;
    say: (line: string) => void;
  },
): Promise<World> {
  const job = jobOf((name) => Deno.env.get(name));
  const idle = idleGpus(job);
  if (idle !== undefined) say(`warning: ${idle}`);
  const left = await secondsLeft(job);
  const ends = Math.min(left, own ?? Infinity);
  const number = (name: string) => {
    const text = Deno.env.get(name);
    return text === undefined ? undefined : Number(text);
  };
  const jobs = number("SIGNET_JOBS");
  const place = number("SIGNET_JOB") ?? job.restarts + 1;
  return {
    size: agreed(config, job.size, `job ${job.id}`),
    starter: await slurmStarter(job, host),
    requeue: true,
    ...(ends === Infinity ? {} : {
      time: {
        ...timeLimit(ends, options),
        job: place,
        ...(jobs === undefined ? {} : { jobs }),
      },
    }),
  };
}

function timeLimit(left: number, options: Options): TimeLimit {
  const budget = timeBudget(left, options.number("reserve"));
  return { budget, left, job: 1 };
}

async function hostsOf(options: Options) {
  const hosts = options.string("hosts");
  if (hosts === undefined) {
    throw new ConfigError("Cannot use --launcher ssh without --hosts", {
      hint: "as in --hosts n1,n2:4, or a file of such lines",
    });
  }
  const isFile = (await realEnv.disk.stat(hosts))?.kind === "file";
  return parseHosts(isFile ? await realEnv.disk.readText(hosts) : hosts);
}

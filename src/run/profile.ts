import type { Disk } from "../env/mod.ts";

/** One line of the table of `--profile`: a mean over the profiled steps. */
export interface ProfileRow {
  op: string;
  /** Dispatches a step. */
  count: number;
  /** Milliseconds a step. */
  ms: number;
  /** Of the step's GPU time, 0..1. */
  share: number;
  /** 10^9 operations a second; absent where operations are not counted. */
  gflops?: number;
  /** 10^9 bytes a second of the tensors that are bound. */
  gbs?: number;
}

/** Something that took time on one rank. */
export interface ProfileSpan {
  track: "gpu" | "host";
  name: string;
  /** Milliseconds since 1970. */
  start: number;
  ms: number;
}

/** `profile/<phase>.rank-<n>.json`. */
export interface ProfilePart {
  phase: string;
  rank: number;
  /** Profiled steps. */
  steps: number;
  /** Wall time of a step while it is profiled. */
  stepMs: number;
  /** From the first op of a step to the end of its last one. */
  gpuMs: number;
  rows: ProfileRow[];
  spans: ProfileSpan[];
}

const THREADS = { gpu: 1, host: 2 } as const;

/** Puts a part into the run folder. */
export async function writeProfilePart(
  disk: Disk,
  runFolder: string,
  part: ProfilePart,
): Promise<void> {
  await disk.makeFolder(`${runFolder}/profile`);
  await disk.write(
    `${runFolder}/profile/${part.phase}.rank-${part.rank}.json`,
    JSON.stringify(part),
  );
}

/**
 * Merges all parts into `trace.json`, which Perfetto and chrome://tracing open:
 * a process for each rank, with a track for its GPU and one for its host.
 */
export async function writeTrace(
  disk: Disk,
  runFolder: string,
): Promise<{ path: string; parts: ProfilePart[] }> {
  const folder = `${runFolder}/profile`;
  const parts: ProfilePart[] = [];
  if (await disk.stat(folder)) {
    for (const { name } of await disk.list(folder)) {
      if (!name.endsWith(".json")) continue;
      parts.push(JSON.parse(await disk.readText(`${folder}/${name}`)));
    }
  }
  const path = `${runFolder}/trace.json`;
  await disk.write(path, JSON.stringify(traceOf(parts)));
  return { path, parts };
}

/** The parts as Chrome trace events: times in microseconds from the first span on. */
export function traceOf(parts: readonly ProfilePart[]) {
  let first = Infinity;
  for (const { spans } of parts) {
    for (const { start } of spans) first = Math.min(first, start);
  }
  const ranks = [...new Set(parts.map(({ rank }) => rank))]
    .sort((a, b) => a - b);
  const names = ranks.flatMap((pid) => [
    { ph: "M", name: "process_name", pid, args: { name: `rank ${pid}` } },
    ...Object.entries(THREADS).map(([name, tid]) => ({
      ph: "M",
      name: "thread_name",
      pid,
      tid,
      args: { name },
    })),
  ]);
  const events = parts.flatMap(({ rank, phase, spans }) =>
    spans.map(({ track, name, start, ms }) => ({
      ph: "X",
      name,
      cat: phase,
      pid: rank,
      tid: THREADS[track],
      ts: Math.round((start - first) * 1000),
      dur: Math.round(ms * 1000),
    }))
  );
  return { displayTimeUnit: "ms", traceEvents: [...names, ...events] };
}

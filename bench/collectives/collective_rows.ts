import { median, quantile, spread } from "../common/measure.ts";
import type { Rival, Row } from "../common/rows.ts";
import { type Contest, contest, overRounds, type Round } from "./contest.ts";
import { busFactor, bytesMoved, sizeName } from "./sizes.ts";

/** A collective over one link, or by a peer, at one size. */
export interface CollectiveRow extends Row {
  readonly link: string;
  readonly ranks: number;
  /** Bytes of the f32 array, whatever travels, as nccl-tests counts them. */
  readonly size: number;
  /** Elements. */
  readonly count: number;
  readonly redop: string;
  readonly p50_us: number;
  readonly p99_us: number;
  /** GB/s */
  readonly algbw: number;
  readonly busbw: number;
  /** CPU seconds of all ranks and the server per GB that the ranks send. */
  readonly cpu_s_per_gb?: number;
  /** Frames sent again. */
  readonly resent: number;
}

/** Measures one size and call over all links and peers; a row for each. */
export async function collectiveRows(
  options: Contest,
): Promise<CollectiveRow[]> {
  const rounds = await contest(options);
  const names = new Set(rounds.flatMap(({ turns }) => [...turns.keys()]));
  return [...names].map((link) => rowOf(link, rounds, options));
}

function rowOf(
  link: string,
  rounds: readonly Round[],
  { team, name, bytes }: Contest,
): CollectiveRow {
  const isNarrow = link === "nats-bf16";
  const ranks = team.size;
  const turns = rounds.flatMap(({ turns }) => turns.get(link) ?? []);
  const times = turns.flatMap(({ ms }) => ms);
  const cpuMs = turns.reduce((sum, turn) => sum + turn.cpuMs, 0);
  const ms = median(times);
  const gb = bytes / 1e9;
  const moved = bytesMoved(name, ranks, isNarrow ? bytes / 2 : bytes);
  const ceiling = link === "direct" ? "tcp" : "nats";
  const isOurs = link === "nats" || link === "direct" || link === "library";
  const share = (of: (round: Round) => number | undefined) =>
    isOurs ? overRounds(rounds, of) : undefined;
  const ratio = share((round) => {
    const top = round.ceilings[ceiling];
    return top && moved / turnMs(round, link) * 1000 / top;
  });
  const cpuRatio = share((round) => {
    const least = round.cpu[ceiling];
    const turn = round.turns.get(link);
    return least && turn && least * moved * turn.ms.length / turn.cpuMs;
  });
  const top = share(({ ceilings }) => ceilings[ceiling]);
  const cpuPerGb = moved === 0
    ? undefined
    : cpuMs / 1000 / (moved / 1e9 * times.length);
  return {
    name,
    shape: `${sizeName(bytes)} x ${ranks}`,
    form: link,
    precision: isNarrow ? "bf16" : "f32",
    unit: "GB/s",
    link,
    ranks,
    size: bytes,
    count: bytes / 4,
    redop: name === "all_reduce" || name === "reduce_scatter" ? "sum" : "none",
    ms,
    p50_us: 1000 * ms,
    p99_us: 1000 * quantile(times, 0.99),
    spread: spread(times),
    runs: times.length,
    median: gb / ms * 1000,
    algbw: gb / ms * 1000,
    busbw: gb / ms * 1000 * busFactor(name, ranks),
    ...(top === undefined ? {} : {
      ceiling: top / 1e9,
      ceiling_name: ceiling === "tcp" ? "tcp one way" : "nats both ways",
    }),
    ...(ratio === undefined ? {} : { ratio }),
    ...(cpuRatio === undefined ? {} : { cpu_ratio: cpuRatio }),
    ...(cpuPerGb === undefined ? {} : { cpu_s_per_gb: cpuPerGb }),
    wrong: turns.reduce((sum, turn) => sum + turn.wrong, 0),
    resent: turns.reduce((sum, turn) => sum + turn.resent, 0),
    peers: rivals(link, rounds, gb),
  };
}

/** Speed of a link over that of each other contestant, round by round. */
function rivals(
  link: string,
  rounds: readonly Round[],
  gb: number,
): Record<string, Rival> {
  const others = new Set(rounds.flatMap(({ turns }) => [...turns.keys()]));
  others.delete(link);
  if (!["nats", "direct", "nats-bf16"].includes(link)) return {};
  return Object.fromEntries([...others].map((other) => {
    const both = rounds.filter(({ turns }) => turns.has(other));
    return [other, {
      median: gb / median(both.map((round) => turnMs(round, other))) * 1000,
      ratio: median(
        both.map((round) => turnMs(round, other) / turnMs(round, link)),
      ),
      cpu_ratio: median(
        both.map(({ turns }) =>
          turns.get(other)!.cpuMs / turns.get(link)!.cpuMs
        ),
      ),
    }];
  }));
}

/** Of one turn: the median, which one disturbed call does not move. */
function turnMs({ turns }: Round, name: string): number {
  return median(turns.get(name)!.ms);
}

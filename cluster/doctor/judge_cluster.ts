import type { Check } from "./check.ts";
import type { RankRates } from "./measure_cluster.ts";

/** GPUs of their own keep their rate beside each other; a shared one halves it. */
const LEAST_TOGETHER = 0.7;
/** Below this share of the median a rank holds up the others. */
const LEAST_RATE = 0.8;
/** Rates of links vary more. */
const LEAST_LINK = 0.5;

/** What the measured rates tell: shared GPUs, slow ranks, slow links. */
export function judgeCluster(rates: readonly RankRates[]): Check[] {
  return [
    checkSharing(rates),
    checkRates(rates),
    ...(rates.length > 1 ? [checkLinks(rates)] : []),
  ];
}

/** D8: by UUID, and by the rate beside the others where that is not the whole truth. */
function checkSharing(rates: readonly RankRates[]): Check {
  const name = "sharing";
  const gpus = rates.filter(({ gpu }) => gpu.kind !== "cpu");
  for (const [i, one] of gpus.entries()) {
    const other = gpus.slice(i + 1).find(({ host, gpu }) =>
      host === one.host && gpu.uuid === one.gpu.uuid
    );
    if (other === undefined) continue;
    return {
      name,
      code: "VK-10",
      status: "error",
      detail: `ranks ${one.rank} and ${other.rank} on ${one.host} share GPU-${
        one.gpu.uuid.slice(0, 8)
      }`,
      hint: "gpu-bind settings, or --ntasks-per-node=1",
    };
  }
  const slowed = gpus.find((rank) =>
    rank.together < LEAST_TOGETHER * rank.alone
  );
  if (slowed !== undefined) {
    const share = Math.round(100 * slowed.together / slowed.alone);
    return {
      name,
      code: "VK-10",
      status: "error",
      detail:
        `rank ${slowed.rank} on ${slowed.host} computes at ${share} % of its rate when all ranks do`,
      hint: "another process has its GPU too: nvidia-smi lists them",
    };
  }
  return {
    name,
    status: "ok",
    detail: gpus.length === 0
      ? rates.length === 1
        ? "1 rank computes on the CPU"
        : `${rates.length} ranks compute on the CPU, which they share`
      : gpus.length === 1
      ? "1 rank has a GPU"
      : `${gpus.length} ranks have a GPU each`,
  };
}

function checkRates(rates: readonly RankRates[]): Check {
  const typical = median(rates.map(({ alone }) => alone));
  const slow = rates.filter(({ alone }) => alone < LEAST_RATE * typical);
  const facts = { rates: [...rates], median: typical };
  const name = "gemm";
  if (slow.length === 0) {
    const detail = `median ${typical.toFixed(1)} GFLOP/s, no rank below ${
      100 * LEAST_RATE
    } % of it`;
    return { name, status: "ok", detail, facts };
  }
  return {
    name,
    status: "warn",
    detail: slow.map(({ rank, host, gpu, alone }) =>
      `rank ${rank} (${gpu.name} on ${host}) has ${alone.toFixed(1)} of ${
        typical.toFixed(1)
      } GFLOP/s`
    ).join("; "),
    hint:
      "all ranks wait for the slowest: look for heat, a power limit or another process there",
    facts,
  };
}

function checkLinks(rates: readonly RankRates[]): Check {
  const typical = median(rates.map(({ link }) => link));
  const slow = rates.filter(({ link }) => link < LEAST_LINK * typical);
  const name = "links";
  if (slow.length === 0) {
    const detail = `median ${typical.toFixed(2)} GB/s, no link below ${
      100 * LEAST_LINK
    } % of it`;
    return { name, status: "ok", detail };
  }
  const hostOf = (rank: number) =>
    rates.find((other) => other.rank === rank)!.host;
  return {
    name,
    status: "warn",
    detail: slow.map(({ rank, host, link }) => {
      const to = (rank + 1) % rates.length;
      return `rank ${rank} on ${host} to rank ${to} on ${hostOf(to)} has ${
        link.toFixed(2)
      } of ${typical.toFixed(2)} GB/s`;
    }).join("; "),
    hint:
      "the ring is as fast as its slowest link: look at that machine's network",
  };
}

/** Of an even number the greater middle, so that one of two can be slow. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

import { realEnv, SignetError } from "../../src/env/mod.ts";
import { fileURLToPath } from "node:url";
import { init, PLACE_VARIABLES } from "../communicator/mod.ts";
import { measureCluster, type RankRates } from "../doctor/mod.ts";
import { placeRanks, surveyGpus } from "../gpus/mod.ts";
import { type GpuWish, launchProgram } from "../launch/mod.ts";

/** Begins the line in which rank 0 hands the rates to whoever has started it. */
const RATES = "signet-rates ";

/** Whether a launcher of ours has made this process a rank. */
export function isRank(): boolean {
  return Deno.env.has(PLACE_VARIABLES.rank);
}

/**
 * Takes part in the measurement of the world that this process is a rank of; rank 0
 * gets the rates.
 */
export async function measureAsRank(): Promise<RankRates[] | undefined> {
  await using world = await init();
  return await measureCluster(realEnv, world);
}

/** The rates as rank 0 prints them for {@linkcode measureHere}. */
export function ratesLine(rates: readonly RankRates[]): string {
  return RATES + JSON.stringify(rates);
}

/**
 * Starts ranks on this machine, each bound to its GPU as for training, and measures
 * them; left out, as many as there are GPUs, or 2 on the CPU.
 *
 * @throws {SignetError} If a rank fails.
 */
export async function measureHere(
  wish: GpuWish,
  ranks?: number,
): Promise<RankRates[]> {
  const lookup = (name: string) => Deno.env.get(name);
  const survey = await surveyGpus(realEnv, { wish: wish.adapter, lookup });
  const size = ranks ?? (survey.usable.length || 2);
  const folder = `.tools/cache/doctor-${Deno.pid}-gpus`;
  try {
    const places = await placeRanks(realEnv, survey, {
      ...wish,
      localRanks: Array.from({ length: size }, (_, rank) => rank),
      localSize: size,
      startsBehind: true,
      folder,
      lookup,
    });
    let rates: RankRates[] | undefined;
    const said: string[] = [];
    const never = new AbortController().signal;
    const { failed } = await launchProgram({
      env: realEnv,
      size,
      program: [
        fileURLToPath(new URL("../main.ts", import.meta.url)),
        "doctor",
        "--cluster",
        "--rates",
      ],
      // The device list needs the loader and the driver's files.
      denoOptions: ["--allow-all"],
      variables: {},
      places,
      server: {},
      signal: never,
      atOnce: never,
      onWarning: (message) => said.push(message),
      onLine(rank, _, line) {
        if (rank === 0 && line.startsWith(RATES)) {
          rates = JSON.parse(line.slice(RATES.length));
        } else said.push(`[${rank}] ${line}`);
      },
    });
    if (rates !== undefined) return rates;
    throw new SignetError(
      `Cannot measure ${size} ranks: rank ${
        failed?.rank ?? 0
      } ended with code ${failed?.code ?? 0}: ${said.slice(-3).join(" | ")}`,
      { hint: "deno task doctor looks at each part of this machine" },
    );
  } finally {
    await realEnv.disk.remove(folder);
  }
}

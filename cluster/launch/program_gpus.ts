import { type Env, SignetError } from "../../src/env/mod.ts";
import {
  ownNvidiaVersion,
  type Placement,
  placeRanks,
  surveyGpus,
} from "../gpus/mod.ts";

/** What a rank of a program is started with to see its GPU alone. */
export type ProgramPlace = Pick<Placement, "variables" | "before">;

/**
 * Binds each rank of a program to a GPU, where this machine has some of NVIDIA's.
 * A program need not use any, so what stands in the way is only told.
 */
export async function programGpus(
  env: Env,
  { size, folder, onWarning }: {
    size: number;
    folder: string;
    onWarning(message: string): void;
  },
): Promise<readonly ProgramPlace[]> {
  if (await ownNvidiaVersion() === undefined) return [];
  const lookup = (name: string) => Deno.env.get(name);
  try {
    const survey = await surveyGpus(env, { wish: "auto", lookup });
    return await placeRanks(env, survey, {
      localRanks: Array.from({ length: size }, (_, rank) => rank),
      localSize: size,
      bind: "auto",
      allowShared: false,
      startsBehind: true,
      folder,
      lookup,
    });
  } catch (error) {
    if (!(error instanceof SignetError)) throw error;
    onWarning(`ranks are not bound to GPUs: ${error.message}`);
    return [];
  }
}

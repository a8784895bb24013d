import { mirrorCommunicator, soloCommunicator } from "../training/mod.ts";
import type { Context } from "./context.ts";
import { divisionOf } from "./divide_by_speed.ts";
import type { EngineOptions } from "./engine.ts";
import { agreeOnForm } from "./kernel_form.ts";
import { loadContext, loadImages } from "./load_context.ts";
import { openDevice } from "./open_device.ts";
import { openPhase, rehearse } from "./run_phase.ts";
import { silentOptions } from "./silent_options.ts";
import { phasesWithSteps } from "./teachers.ts";
import { timeSteps } from "./timed_steps.ts";

/** Each phase's steps are timed so long: how they vary counts too. */
const LEAST_MS = 4000;

/** Which rank {@linkcode timeRank} is, and of which world. */
export interface TimedRank
  extends Pick<EngineOptions, "env" | "config" | "runFolder" | "cacheFolder"> {
  rank: number;
  size: number;
  /** Of mixed adapters, one a rank, in any unit; left out, all are alike. */
  speeds?: readonly number[] | undefined;
}

/**
 * Some steps of each phase on one rank of a world, without the others: milliseconds
 * of each piece from one exchange to the next. They hold all that the rank does in a
 * step, but for the way of what it sends and for waiting. It evaluates, saves and proves nothing, and starts from made up models.
 */
export async function timeRank(
  options: TimedRank,
): Promise<Record<string, number[][]>> {
  const { config, rank, size, speeds, runFolder, cacheFolder } = options;
  const engine: EngineOptions = {
    ...silentOptions(options),
    communicator: mirrorCommunicator(rank, size),
    runFolder,
    cacheFolder,
  };
  const form = await agreeOnForm({
    ...engine,
    communicator: soloCommunicator(),
  });
  using device = await openDevice(config.precision, { form });
  const division = divisionOf({ rank, size }, speeds);
  const [first, end] = division.own(config.globalBatch);
  const context: Context = {
    ...await loadContext(engine, device, await loadImages(engine)),
    division,
    mostRows: end - first,
    madeUp: true,
  };
  const times: Record<string, number[][]> = {};
  for (const name of phasesWithSteps(config)) {
    const { microBatch, scratch } = await rehearse(context, name);
    device.memory.restart();
    using phase = await openPhase({ ...context, microBatch, scratch }, name);
    device.check();
    times[name] = await timeSteps(context, phase.recipe, { leastMs: LEAST_MS });
  }
  return times;
}

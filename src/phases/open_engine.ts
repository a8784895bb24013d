import { divideBySpeed } from "./divide_by_speed.ts";
import type { EarlyStart } from "./early_start.ts";
import type { Engine, EngineOptions, PhaseName } from "./engine.ts";
import { agreeOnForm } from "./kernel_form.ts";
import { loadContext, loadImages } from "./load_context.ts";
import { openDevice } from "./open_device.ts";
import { goOnWithout } from "./regroup.ts";
import { runPhase } from "./run_phase.ts";

/**
 * Opens the GPU, loads and splits the data and uploads it.
 *
 * @param early What has been begun of this for the same run.
 */
export async function openEngine(
  options: EngineOptions,
  early?: EarlyStart,
): Promise<Engine> {
  const form = options.form ??
    await agreeOnForm(options, await early?.identity);
  const { device, rehearsed } = await early?.take(form) ??
    { device: await openDevice(options.config.precision, { form }) };
  try {
    const images = await (early?.images ?? loadImages(options));
    const context = {
      ...await loadContext(options, device, images),
      ...(rehearsed === undefined ? {} : { rehearsed }),
    };
    context.division = await divideBySpeed(context);
    const [first, end] = context.division.own(options.config.globalBatch);
    context.mostRows = end - first;
    return {
      adapter: device.adapter,
      form: device.form,
      dataHash: context.dataHash,
      share: end - first,
      runPhase: (name: PhaseName) => runPhase(context, name),
      rejoin: () => goOnWithout(context, undefined),
      [Symbol.dispose]: () => device[Symbol.dispose](),
    };
  } catch (error) {
    device[Symbol.dispose]();
    throw error;
  }
}

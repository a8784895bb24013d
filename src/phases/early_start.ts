import type { SplitData } from "../data/mod.ts";
import { compileEarly, type Device, type KernelForm } from "../gpu/mod.ts";
import { RunFolder } from "../run/mod.ts";
import type { Rehearsed } from "./context.ts";
import type { EngineOptions, PhaseName } from "./engine.ts";
import { knownForm } from "./kernel_form.ts";
import { loadContext, loadImages } from "./load_context.ts";
import { openDevice } from "./open_device.ts";
import { rehearse } from "./run_phase.ts";
import { silentOptions } from "./silent_options.ts";
import { phasesWithSteps } from "./teachers.ts";

/** What {@linkcode startEarly} needs to know of a run before the rank has joined it. */
export interface EarlyOptions extends
  Pick<
    EngineOptions,
    "env" | "config" | "runFolder" | "cacheFolder" | "log"
  > {
  rank: number;
  size: number;
}

/** What a rank has done for its engine while it joined its run. */
export interface EarlyStart extends Disposable {
  /** Of the adapter; nothing where it cannot be opened. */
  readonly identity: Promise<string | undefined>;
  readonly images: Promise<SplitData>;
  /** The device once its kernels are compiled, if it is there in this form; else it is closed. */
  take(form: KernelForm): Promise<Ready | undefined>;
}

/** A device that has the kernels of a phase. */
export interface Ready {
  device: Device;
  /** Nothing where the phase could not be recorded: running it will tell why. */
  rehearsed: Rehearsed | undefined;
}

/**
 * Reads the images, opens the GPU and compiles the kernels of the run's next
 * phase, in slices between which this thread is free. Whatever fails here is
 * tried again, and reported, when the engine opens.
 */
export function startEarly(options: EarlyOptions): EarlyStart {
  const end = new AbortController();
  const images = loadImages(options);
  const opened = openKnown(options).catch(() => undefined);
  const rehearsed = prepare(options, { images, opened, signal: end.signal })
    .catch(() => undefined);
  let taken = false;
  const close = async () => {
    end.abort();
    await rehearsed;
    (await opened)?.device?.[Symbol.dispose]();
  };
  return {
    identity: opened.then((found) => found?.identity),
    images,
    async take(form) {
      taken = true;
      const device = (await opened)?.device;
      if (device?.form === form) return { device, rehearsed: await rehearsed };
      await close();
      return undefined;
    },
    [Symbol.dispose]() {
      if (!taken) close();
    },
  };
}

type Opened = { identity: string; device?: Device } | undefined;

/** No device where the form is yet to be measured, which would be disturbed. */
async function openKnown(options: EarlyOptions): Promise<Opened> {
  const { precision } = options.config;
  const device = await openDevice(precision);
  const { identity } = device;
  const form = await knownForm(options, identity);
  if (form === device.form) return { identity, device };
  device[Symbol.dispose]();
  return form === undefined
    ? { identity }
    : { identity, device: await openDevice(precision, { form }) };
}

/** Records the next phase on a device that only counts, and compiles what it needs. */
async function prepare(
  options: EarlyOptions,
  { images, opened, signal }: {
    images: Promise<SplitData>;
    opened: Promise<Opened>;
    signal: AbortSignal;
  },
): Promise<Rehearsed | undefined> {
  const loaded = await images;
  const device = (await opened)?.device;
  const phase = await nextPhase(options);
  if (device === undefined || phase === undefined) return undefined;
  const { env: { timers }, runFolder, cacheFolder, log } = options;
  using dry = device.rehearsal();
  const silent = { ...silentOptions(options), runFolder, cacheFolder };
  const context = await loadContext(silent, dry, loaded);
  const rehearsal = await rehearse({ ...context, log }, phase);
  const objections = await compileEarly(
    device,
    rehearsal.pipelines,
    () => timers.sleep(0, signal),
  );
  for (const objection of objections) log("warn", objection.trim());
  return { phase, division: context.division, rehearsal };
}

/** The first phase without final figures. */
export async function nextPhase(
  { env, runFolder, config }: Pick<
    EngineOptions,
    "env" | "runFolder" | "config"
  >,
): Promise<PhaseName | undefined> {
  const folder = new RunFolder(env.disk, runFolder);
  const summary = await folder.readJson("summary.json");
  const done = Object(summary?.phases);
  return phasesWithSteps(config).find((name) => !Object.hasOwn(done, name));
}

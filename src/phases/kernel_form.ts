import { createHash } from "node:crypto";
import type { Disk } from "../env/mod.ts";
import { Device, type KernelForm } from "../gpu/mod.ts";
import { probeForm } from "../ops/mod.ts";
import type { EngineOptions } from "./engine.ts";

/** As in the broadcast. */
const FORMS: readonly KernelForm[] = ["register", "tiled"];

/** Raised when kernels change so much that the other form may have become the faster one. */
const KERNELS = 2;

type FormOptions = Pick<EngineOptions, "env" | "runFolder" | "cacheFolder"> & {
  config: { mixed: boolean };
};

/**
 * Which kernels all ranks use: those that rank 0's adapter was measured to run
 * faster, or on mixed adapters each rank its own. The measurement is kept for the
 * adapter; a resumed run uses the form that it began with, since forms differ in
 * the last bits.
 *
 * @param identity Of the adapter, where it is open already.
 */
export async function agreeOnForm(
  options: FormOptions & Pick<EngineOptions, "communicator" | "log">,
  identity?: string,
): Promise<KernelForm> {
  const { communicator, config, env } = options;
  const { rank } = communicator;
  const own = async () => {
    const path = formPath({ ...options, rank });
    const before = await readForm(env.disk, path);
    if (before !== undefined) return before;
    const form = await measuredForm(options, identity ?? await ownIdentity());
    await env.disk.write(path, `${form}\n`);
    return form;
  };
  if (config.mixed) return await own();
  const shared = communicator.allocate(1);
  if (rank === 0) shared[0] = FORMS.indexOf(await own());
  await communicator.broadcast(shared, 0);
  return FORMS[shared[0]!]!;
}

/** The form that the ranks will agree on if this adapter is rank 0's and was measured. */
export async function knownForm(
  options: FormOptions & { rank: number },
  identity: string,
): Promise<KernelForm | undefined> {
  const { env, cacheFolder } = options;
  return await readForm(env.disk, formPath(options)) ??
    await readForm(env.disk, cachePath(cacheFolder, identity));
}

/** From the cache, or measured now and put there. */
async function measuredForm(
  { env, log, cacheFolder }: Pick<
    EngineOptions,
    "env" | "log" | "cacheFolder"
  >,
  identity: string,
): Promise<KernelForm> {
  const path = cachePath(cacheFolder, identity);
  const known = await readForm(env.disk, path);
  if (known !== undefined) return known;
  const form = await probeForm((form) => Device.open({ form }), env.clock);
  log("info", "kernel form measured", { form });
  await env.disk.makeFolder(formsFolder(cacheFolder));
  await env.disk.write(path, `${form}\n`);
  return form;
}

function formPath(
  { config, runFolder, rank }: FormOptions & { rank: number },
): string {
  return `${runFolder}/kernel_form${config.mixed ? `.rank-${rank}` : ""}`;
}

function formsFolder(cacheFolder: string): string {
  return `${cacheFolder}/kernel_forms`;
}

/**
 * One for each adapter and driver, as far as WebGPU tells them apart. It names no
 * driver version, but a driver that changes changes limits or features.
 */
function cachePath(cacheFolder: string, identity: string): string {
  const key = createHash("sha256")
    .update(JSON.stringify([KERNELS, identity]))
    .digest("hex")
    .slice(0, 32);
  return `${formsFolder(cacheFolder)}/${key}`;
}

async function ownIdentity(): Promise<string> {
  using device = await Device.open();
  return device.identity;
}

async function readForm(
  disk: Disk,
  path: string,
): Promise<KernelForm | undefined> {
  if (!await disk.stat(path)) return undefined;
  const text = (await disk.readText(path)).trim();
  return FORMS.find((form) => form === text);
}

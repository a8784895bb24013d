import { createHash } from "node:crypto";
import type { Disk } from "../env/mod.ts";
import { Device, type KernelForm } from "../gpu/mod.ts";
import { probeForm } from "../ops/mod.ts";
import type { EngineOptions } from "./engine.ts";

/** As in the broadcast. */
const FORMS: readonly KernelForm[] = ["register", "tiled"];

/** Raised when kernels change so much that the other form may have become the faster one. */
const KERNELS = 2;

/**
 * Which kernels all ranks use: those that rank 0's adapter was measured to run
 * faster. The measurement is kept for the adapter; a resumed run uses the form
 * that it began with, since forms differ in the last bits.
 *
 * @param identity Of the adapter, where it is open already.
 */
export async function agreeOnForm(
  options: Pick<
    EngineOptions,
    "communicator" | "env" | "log" | "runFolder" | "cacheFolder"
  >,
  identity?: string,
): Promise<KernelForm> {
  const { communicator, env, runFolder } = options;
  const shared = communicator.allocate(1);
  if (communicator.rank === 0) {
    const path = formPath(runFolder);
    let form = await readForm(env.disk, path);
    if (form === undefined) {
      form = await measuredForm(options, identity ?? await ownIdentity());
      await env.disk.write(path, `${form}\n`);
    }
    shared[0] = FORMS.indexOf(form);
  }
  await communicator.broadcast(shared, 0);
  return FORMS[shared[0]!]!;
}

/** The form that the ranks will agree on if this adapter is rank 0's and was measured. */
export async function knownForm(
  { env, runFolder, cacheFolder }: Pick<
    EngineOptions,
    "env" | "runFolder" | "cacheFolder"
  >,
  identity: string,
): Promise<KernelForm | undefined> {
  return await readForm(env.disk, formPath(runFolder)) ??
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

function formPath(runFolder: string): string {
  return `${runFolder}/kernel_form`;
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

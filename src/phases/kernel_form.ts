import { createHash } from "node:crypto";
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
 */
export async function agreeOnForm(
  options: Pick<
    EngineOptions,
    "communicator" | "env" | "log" | "runFolder" | "cacheFolder"
  >,
): Promise<KernelForm> {
  const { communicator, env, runFolder } = options;
  const shared = communicator.allocate(1);
  if (communicator.rank === 0) {
    const path = `${runFolder}/kernel_form`;
    let form = await env.disk.stat(path)
      ? formOf((await env.disk.readText(path)).trim())
      : undefined;
    if (form === undefined) {
      form = await measuredForm(options);
      await env.disk.write(path, `${form}\n`);
    }
    shared[0] = FORMS.indexOf(form);
  }
  await communicator.broadcast(shared, 0);
  return FORMS[shared[0]!]!;
}

/** From the cache, or measured now and put there. */
async function measuredForm(
  { env, log, cacheFolder }: Pick<
    EngineOptions,
    "env" | "log" | "cacheFolder"
  >,
): Promise<KernelForm> {
  const key = await adapterKey();
  const folder = `${cacheFolder}/kernel_forms`;
  const path = `${folder}/${key}`;
  if (await env.disk.stat(path)) {
    const form = formOf((await env.disk.readText(path)).trim());
    if (form !== undefined) return form;
  }
  const form = await probeForm((form) => Device.open({ form }), env.clock);
  log("info", "kernel form measured", { form });
  await env.disk.makeFolder(folder);
  await env.disk.write(path, `${form}\n`);
  return form;
}

/**
 * Tells adapters and drivers apart as far as WebGPU shows them. It names no
 * driver version, but a driver that changes changes limits or features.
 */
async function adapterKey(): Promise<string> {
  using device = await Device.open();
  return createHash("sha256")
    .update(JSON.stringify([KERNELS, device.identity]))
    .digest("hex")
    .slice(0, 32);
}

function formOf(text: string): KernelForm | undefined {
  return FORMS.find((form) => form === text);
}

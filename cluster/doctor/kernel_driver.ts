import { nvidiaVersion, outputOf } from "../gpus/mod.ts";
import type { Check } from "./check.ts";
import type { MachineView } from "./machine_view.ts";

/** NVIDIA's driver in the kernel, and its GPUs. */
export interface KernelDriver {
  version: string;
  /** GPUs of the machine; more than this process may see. */
  total: number;
  /** UUIDs that `nvidia-smi -L` lists, without `GPU-`. */
  seen: readonly string[];
}

const NAME = "driver";

/** D1: the kernel driver and its GPUs. */
export async function checkKernelDriver(
  machine: MachineView,
): Promise<{ check: Check; driver?: KernelDriver }> {
  const { env, root, host, lookup, wish } = machine;
  const file = `${root}/proc/driver/nvidia/version`;
  if (await env.disk.stat(file) === undefined) {
    const wanted = wish === "gpu" ||
      wish === "auto" && lookup("SLURM_JOB_GPUS") !== undefined;
    const check: Check = wanted
      ? {
        name: NAME,
        code: "VK-01",
        status: "error",
        detail: `no NVIDIA kernel driver on ${host}`,
        hint: "this is not a GPU node, or ask for one: --gres=gpu:1",
      }
      : { name: NAME, status: "ok", detail: `no NVIDIA GPU on ${host}` };
    return { check };
  }
  const version = nvidiaVersion(await env.disk.readText(file)) ?? "unknown";
  const total = await countGpus(machine);
  const path = lookup("PATH");
  // Also makes the device nodes, where nobody has used the GPU before.
  const list = await outputOf("nvidia-smi", ["-L"], path);
  const seen = [...(list ?? "").matchAll(/\(UUID: GPU-([0-9a-f-]{36})\)/g)]
    .map((match) => match[1]!);
  const driver = { version, total: Math.max(total, seen.length), seen };
  const facts = { ...driver };
  if (list === undefined || seen.length === 0) {
    const check: Check = {
      name: NAME,
      code: "VK-01",
      status: "warn",
      detail: `driver ${version} is loaded, but nvidia-smi -L lists no GPU`,
      hint: "run nvidia-smi: it says why; the job may own no GPU: --gres=gpu:1",
      facts,
    };
    return { check, driver };
  }
  if (/^\s*MIG /m.test(list)) {
    const check: Check = {
      name: NAME,
      code: "VK-01",
      status: "warn",
      detail: "this is a MIG slice; Vulkan is not available on it",
      hint: "ask for a whole GPU",
      facts,
    };
    return { check, driver };
  }
  const mode = await outputOf("nvidia-smi", [
    "--query-gpu=compute_mode",
    "--format=csv,noheader",
  ], path);
  const check: Check = {
    name: NAME,
    status: "ok",
    detail: `NVIDIA driver ${version}, ${seen.length} GPU(s)${
      mode === undefined ? "" : `, compute mode ${mode.split("\n")[0]}`
    }`,
    facts,
  };
  return { check, driver };
}

/** GPUs that the kernel driver has found. */
async function countGpus({ env, root }: MachineView): Promise<number> {
  const folder = `${root}/proc/driver/nvidia/gpus`;
  if (await env.disk.stat(folder) === undefined) return 0;
  return (await env.disk.list(folder)).length;
}

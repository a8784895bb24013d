import type { Env } from "../../src/env/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { type Check, checked } from "./check.ts";
import { checkNumbers } from "./self_test.ts";
import { outputOf } from "./shell.ts";

const MIB = 1024 * 1024;
/** Segments of parameters are at most this large. */
const BUFFER_NEEDED = 32 * MIB;
/** More tells nothing that a run would use. */
const BUFFER_MOST = 1024 * MIB;

const DRIVER_FILES = [
  "/usr/share/vulkan/icd.d",
  "/etc/vulkan/icd.d",
  "/usr/local/share/vulkan/icd.d",
];

/** The kernel driver, the Vulkan loader and the driver files, before any adapter. */
export async function checkVulkan(env: Env): Promise<Check> {
  const loader = hasLoader();
  const listed = Deno.env.get("VK_DRIVER_FILES") ??
    Deno.env.get("VK_ICD_FILENAMES");
  const drivers = listed?.split(":") ?? await driverFiles(env);
  const nvidia =
    await env.disk.stat("/proc/driver/nvidia/version") !== undefined;
  const cards = nvidia ? await outputOf("nvidia-smi", ["-L"]) : undefined;
  const facts = { loader, drivers, nvidia: cards?.split("\n") ?? [] };
  if (!loader) {
    return {
      name: "vulkan",
      status: "error",
      detail: "VK-05: the Vulkan loader libvulkan.so.1 is missing",
      hint: "sh cluster/run.sh bootstrap installs it",
      facts,
    };
  }
  if (drivers.length === 0) {
    return {
      name: "vulkan",
      status: "error",
      detail: nvidia
        ? "VK-07: an NVIDIA GPU, but no Vulkan driver for it"
        : "VK-01: no Vulkan driver",
      hint: nvidia
        ? "in a container: NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics, or apptainer exec --nv"
        : "sh cluster/run.sh bootstrap installs an adapter that computes on the CPU",
      facts,
    };
  }
  const names = drivers.map((path) => path.split("/").at(-1));
  return {
    name: "vulkan",
    status: "ok",
    detail: `loader found, drivers ${names.join(" ")}${
      cards === undefined ? "" : `, ${cards.split("\n").length} NVIDIA GPU(s)`
    }`,
    facts,
  };
}

function hasLoader(): boolean {
  try {
    Deno.dlopen("libvulkan.so.1", {}).close();
    return true;
  } catch {
    return false;
  }
}

async function driverFiles(env: Env): Promise<string[]> {
  const found: string[] = [];
  for (const folder of DRIVER_FILES) {
    if (await env.disk.stat(folder) === undefined) continue;
    for (const { name } of await env.disk.list(folder)) {
      if (name.endsWith(".json")) found.push(`${folder}/${name}`);
    }
  }
  return found;
}

async function describeAdapter(env: Env, device: Device): Promise<Check> {
  const { adapter, limits, form, hasTimestamps } = device;
  const facts = {
    ...adapter,
    form,
    hasTimestamps,
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
  };
  const detail = `${adapter.name}${
    adapter.cpu ? " (computes on the CPU)" : ""
  }, ${hasTimestamps ? "timestamps" : "no timestamps"}, binding up to ${
    Math.floor(limits.maxStorageBufferBindingSize / MIB)
  } MiB`;
  return adapter.cpu && await hasNvidia(env)
    ? {
      name: "adapter",
      status: "warn",
      detail: `VK-09: only a CPU adapter although there is a GPU: ${detail}`,
      hint: "see the line above; without a hint there, update the GPU's driver",
      facts,
    }
    : { name: "adapter", status: "ok", detail, facts };
}

async function hasNvidia(env: Env): Promise<boolean> {
  return await env.disk.stat("/proc/driver/nvidia/version") !== undefined;
}

/** Doubles a buffer until the driver refuses; on a device that may be lost by it. */
async function checkBuffers(): Promise<Check> {
  using device = await Device.open();
  const { gpu, limits } = device;
  const most = Math.min(BUFFER_MOST, limits.maxBufferSize);
  let usable = 0;
  for (let size = MIB; size <= most; size *= 2) {
    gpu.pushErrorScope("validation");
    gpu.pushErrorScope("out-of-memory");
    const buffer = gpu.createBuffer({
      size,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    });
    const encoder = gpu.createCommandEncoder();
    encoder.clearBuffer(buffer);
    gpu.queue.submit([encoder.finish()]);
    const memory = await gpu.popErrorScope();
    const validation = await gpu.popErrorScope();
    buffer.destroy();
    if (memory !== null || validation !== null) break;
    usable = size;
  }
  const detail = `one buffer of ${usable / MIB} MiB is usable${
    usable * 2 > most ? " (not tried further)" : ""
  }`;
  const facts = { usableBytes: usable };
  return usable < BUFFER_NEEDED
    ? {
      name: "buffers",
      status: "error",
      detail,
      hint: `runs need ${
        BUFFER_NEEDED / MIB
      } MiB: the driver's memory is taken or too small`,
      facts,
    }
    : { name: "buffers", status: "ok", detail, facts };
}

async function checkReadback(env: Env, device: Device): Promise<Check> {
  const start = env.clock.now();
  const works = await device.checkReadback();
  const ms = (env.clock.now() - start).toFixed(1);
  return works
    ? {
      name: "readback",
      status: "ok",
      detail: `without a fixed wait, ${ms} ms`,
    }
    : {
      name: "readback",
      status: "warn",
      detail: "the quick way to read results does not work here",
      hint: "steps take some 10 ms longer; report the adapter's name",
    };
}

/** Everything that needs an adapter; one failed check when there is none. */
export async function checkGpu(env: Env): Promise<Check[]> {
  return await checked("adapter", async () => {
    using device = await Device.open();
    return [
      await describeAdapter(env, device),
      ...await checked("buffers", checkBuffers),
      ...await checked("readback", () => checkReadback(env, device)),
      ...await checked("numbers", () => checkNumbers(device)),
    ];
  });
}

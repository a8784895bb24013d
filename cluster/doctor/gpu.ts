import type { Env } from "../../src/env/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { checkBinding } from "./binding.ts";
import { checkBuffers } from "./buffers.ts";
import { type Check, checked } from "./check.ts";
import { checkKernels } from "./kernels.ts";
import type { MachineView } from "./machine_view.ts";
import { checkNumbers } from "./self_test.ts";
import { checkShaderCache } from "./shader_cache.ts";

const MIB = 1024 * 1024;

/** D7: the adapter that WebGPU gives, and what kernels may use of it. */
function describeAdapter(device: Device, hasGpu: boolean, cpu: boolean): Check {
  const { adapter, limits, form, hasTimestamps, hasF16 } = device;
  const facts = {
    ...adapter,
    form,
    hasTimestamps,
    hasF16,
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
  };
  if (adapter.cpu && hasGpu && !cpu) {
    return {
      name: "adapter",
      code: "VK-09",
      status: "error",
      detail: `only a CPU adapter (${adapter.name})`,
      hint: "see VK-03/VK-07; --adapter cpu to run on it anyway",
      facts,
    };
  }
  const detail = [
    `${adapter.name}${adapter.cpu ? " (computes on the CPU)" : ""}`,
    hasTimestamps ? "timestamps" : "no timestamps",
    hasF16 ? "f16" : "no f16",
    `binding up to ${Math.floor(limits.maxStorageBufferBindingSize / MIB)} MiB`,
  ].join(", ");
  return { name: "adapter", status: "ok", detail, facts };
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

/**
 * D7 to D10: everything that needs an adapter; one failed check when there is none.
 * `nvidia` when the machine has a GPU of NVIDIA's, whatever WebGPU gives.
 */
export async function* checkGpu(
  machine: MachineView,
  nvidia: boolean,
): AsyncGenerator<Check> {
  const { env, wish } = machine;
  const opened: Device[] = [];
  yield* await checked("adapter", async () => {
    const device = await Device.open();
    opened.push(device);
    return describeAdapter(device, nvidia, wish === "cpu");
  });
  if (opened.length === 0) return;
  using device = opened[0]!;
  yield* await checked("binding", () => checkBinding(machine));
  yield* await checked("buffers", () => checkBuffers(device.adapter.cpu));
  yield* await checked("readback", () => checkReadback(env, device));
  yield* await checked("numbers", () => checkNumbers(device));
  yield* await checked("kernels", () => checkKernels(env, device));
  yield* await checked("shaders", () => checkShaderCache(machine, nvidia));
}

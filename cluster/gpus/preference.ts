import { DEVICE_KINDS, type VulkanDevice } from "./vulkan.ts";

/** Devices in the order in which WebGPU's `high-performance` takes them. */
export function byPreference<T extends Pick<VulkanDevice, "kind">>(
  devices: readonly T[],
): T[] {
  const place = ({ kind }: T) => DEVICE_KINDS.indexOf(kind);
  return devices.toSorted((a, b) => place(a) - place(b));
}

/**
 * Devices that ranks may have one each of: the GPUs of the best kind that is
 * there. None where only the CPU computes.
 */
export function usableGpus(devices: readonly VulkanDevice[]): VulkanDevice[] {
  const best = byPreference(devices)[0]?.kind;
  return best === undefined || best === "cpu"
    ? []
    : devices.filter(({ kind }) => kind === best);
}

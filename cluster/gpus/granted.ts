import type { Lookup } from "./nvidia.ts";
import { outputOf } from "./output_of.ts";
import type { VulkanDevice } from "./vulkan.ts";

/**
 * The GPUs among `usable` that `CUDA_VISIBLE_DEVICES` leaves this process. Vulkan
 * pays no heed to it, but schedulers and people share machines by it. All of them
 * where it is not set, or names none of them.
 */
export async function grantedGpus(
  usable: readonly VulkanDevice[],
  lookup: Lookup,
): Promise<VulkanDevice[]> {
  const names = (lookup("CUDA_VISIBLE_DEVICES") ?? "").split(",")
    .map((name) => name.trim()).filter((name) => name !== "");
  if (names.length === 0) return [...usable];
  const list = await outputOf("nvidia-smi", ["-L"], lookup("PATH")) ?? "";
  // `GPU 2: Tesla T4 (UUID: GPU-6fb6d3db-…)`
  const uuids = new Map(
    list.matchAll(/^GPU (\d+): .*\(UUID: GPU-([0-9a-f-]{36})\)/gm)
      .map((match) => [match[1]!, match[2]!]),
  );
  const wanted = names.map((name) =>
    uuids.get(name) ?? (name.startsWith("GPU-") ? name.slice(4) : undefined)
  ).filter((uuid) => uuid !== undefined);
  const granted = usable.filter(({ uuid }) =>
    wanted.some((start) => uuid.startsWith(start))
  );
  return granted.length === 0 ? [...usable] : granted;
}

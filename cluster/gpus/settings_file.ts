import type { Disk } from "../../src/env/mod.ts";
import type { Variables } from "./devices_in.ts";
import { uuidBytes, type VulkanDevice } from "./vulkan.ts";

/** The first loader whose settings file chooses devices by all that tells them apart. */
const CHOOSING_LOADER = [1, 4, 329];

/** Whether a loader of this version obeys {@linkcode writeSettings}. */
export function canChoose(version: string): boolean {
  const parts = version.split(".").map(Number);
  for (const [i, least] of CHOOSING_LOADER.entries()) {
    const part = parts[i] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}

/**
 * Writes a settings file for the Vulkan loader that leaves a process one device.
 * Returns the variables that make a process find it.
 *
 * `drivers` are the files of the drivers where others than the system's are used:
 * beside settings the loader does not look at `VK_DRIVER_FILES`.
 */
export async function writeSettings(
  disk: Disk,
  { folder, device, drivers }: {
    folder: string;
    device: Pick<VulkanDevice, "uuid" | "driverUuid" | "driverVersion">;
    drivers: readonly string[];
  },
): Promise<Variables> {
  const place = `${folder}/vulkan/loader_settings.d`;
  await disk.makeFolder(place);
  const settings = {
    file_format_version: "1.0.0",
    settings: {
      ...(drivers.length === 0 ? {} : {
        additional_drivers_use_exclusively: true,
        additional_drivers: drivers.map((path) => ({ path })),
      }),
      device_configurations: [{
        deviceUUID: uuidBytes(device.uuid),
        driverUUID: uuidBytes(device.driverUuid),
        driverVersion: device.driverVersion,
      }],
    },
  };
  const text = JSON.stringify(settings);
  await disk.write(`${place}/vk_loader_settings.json`, `${text}\n`);
  return { XDG_CONFIG_HOME: folder };
}

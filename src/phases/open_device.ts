import { EnvironmentError } from "../env/mod.ts";
import { Device, type DeviceOptions, type RealType } from "../gpu/mod.ts";

/**
 * Opens the GPU for computing in a precision.
 *
 * @throws {EnvironmentError} If what is read back is not what was written, or the
 * GPU has no such numbers.
 */
export async function openDevice(
  precision: RealType,
  options: DeviceOptions = {},
): Promise<Device> {
  const device = await Device.open(options);
  try {
    await checkDevice(device, precision);
    return device;
  } catch (error) {
    device[Symbol.dispose]();
    throw error;
  }
}

async function checkDevice(device: Device, precision: RealType): Promise<void> {
  const { name } = device.adapter;
  if (!await device.checkReadback()) {
    throw new EnvironmentError(
      `Cannot use ${name}: a buffer read back does not hold what was written`,
      { hint: "sh cluster/run.sh doctor" },
    );
  }
  if (precision === "f16" && !device.hasF16) {
    throw new EnvironmentError(
      `Cannot train with precision f16 on ${name}: it has no shader-f16`,
      { hint: "set precision=f32" },
    );
  }
}

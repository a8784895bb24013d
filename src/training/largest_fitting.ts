import { type Device, DeviceLimitError } from "../gpu/mod.ts";

/**
 * The largest number of rows, at most `most`, whose program fits the adapter's
 * limits of buffers, bindings and textures: `record` is tried on devices that
 * only count. A larger number does not fit where a smaller one does not.
 *
 * @throws {DeviceLimitError} If one row does not fit.
 */
export async function largestFitting(
  device: Device,
  most: number,
  record: (dry: Device, rows: number) => void | Promise<void>,
): Promise<number> {
  const fits = async (rows: number) => {
    using dry = device.rehearsal();
    try {
      await record(dry, rows);
      return true;
    } catch (error) {
      if (error instanceof DeviceLimitError && rows > 1) return false;
      throw error;
    }
  };
  if (await fits(most)) return most;
  let low = Math.floor(most / 2);
  while (!await fits(low)) low = Math.max(1, Math.floor(low / 2));
  let high = Math.min(most, 2 * low + 1);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

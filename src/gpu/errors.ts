import { EnvironmentError, SignetError } from "../env/mod.ts";

/** The GPU went away: driver reset, memory exhausted, process limit. */
export class DeviceLostError extends SignetError {
  override name = "DeviceLostError";
}

/** The GPU has no memory left. */
export class OutOfMemoryError extends SignetError {
  override name = "OutOfMemoryError";
}

/** A tensor is larger than the adapter can make, bind or hold in a texture. */
export class DeviceLimitError extends RangeError {
  override name = "DeviceLimitError";
}

/** No usable adapter on this machine. */
export class AdapterUnavailableError extends EnvironmentError {
  override name = "AdapterUnavailableError";
}

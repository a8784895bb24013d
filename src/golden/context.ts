import type { Device } from "../gpu/mod.ts";
import type { Fixture } from "./fixture.ts";

/** What a case has besides its file. */
export interface GoldenContext {
  readonly device: Device;
  /** Another file of the folder, by its name without `.safetensors`. */
  sibling(name: string): Promise<Fixture | undefined>;
}

/** Compares everything in a file that is of this case. */
export type GoldenCase = (
  fixture: Fixture,
  context: GoldenContext,
) => Promise<void>;

import { crc32 } from "node:zlib";
import type { Port } from "./port.ts";

/** A collective as one rank calls it. */
export interface Call<T> {
  /** MPI's name for it, in words: "all-reduce". */
  name: string;
  /** What must be equal on all ranks: "sum f32[384]"; may be empty. */
  details: string;
  /** Memory that the call reads or writes; calls on the same memory wait for each other. */
  memory: readonly ArrayBufferView[];
  algorithm(port: Port): Promise<T>;
  signal?: AbortSignal | undefined;
}

export function describeCall({ name, details }: Call<unknown>): string {
  return details === "" ? name : `${name} of ${details}`;
}

/** Equal for equal calls; travels with each frame. */
export function signatureOf(description: string): number {
  return crc32(description);
}

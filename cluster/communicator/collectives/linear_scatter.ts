import type { Port } from "../port.ts";

/** Rank r ends with part r of the root's parts, whatever their lengths. */
export async function linearScatterBytes(
  port: Port,
  parts: readonly Uint8Array[] | undefined,
  root: number,
): Promise<Uint8Array> {
  if (port.rank !== root) return await port.receiveBytes(root, 0);
  for (let other = 0; other < port.size; other++) {
    if (other !== root) port.send(other, 0, parts![other]!);
  }
  return new Uint8Array(parts![root]!);
}

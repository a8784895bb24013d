import { outputOf } from "../gpus/mod.ts";

/** Locks are slow or missing on these, and Deno's databases hang without an error. */
const NETWORK = /^(nfs|lustre|gpfs|ceph|smb|cifs|beegfs|fuse)/;

/** Name of the file system at a path; `outside` looks `stat` up in another PATH. */
export async function fileSystemOf(
  path: string,
  outside?: string,
): Promise<string> {
  const type = await outputOf("stat", ["-f", "-c", "%T", path], outside);
  return type ?? "unknown file system";
}

export function isNetworkFileSystem(type: string): boolean {
  return NETWORK.test(type);
}

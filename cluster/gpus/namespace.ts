import { outputOf } from "./output_of.ts";

/** Needs no root where users may make namespaces of their own. */
const UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"] as const;

/** Becomes the words behind `--`, with the files before it closed. */
const CLOSE = `while [ "$1" != -- ]; do
  mount --bind /dev/null "$1" || exit 3
  shift
done
shift
exec "$@"`;

/** Whether this machine lets its users make mount namespaces. */
export async function allowsNamespaces(): Promise<boolean> {
  const [program, ...options] = UNSHARE;
  return await outputOf(program, [...options, "true"]) !== undefined;
}

/**
 * Words in front of a command that start it in a mount namespace of its own, where
 * nothing is behind these files: with them the device nodes of other GPUs are
 * closed to it. The process keeps its id.
 */
export function withoutFiles(files: readonly string[]): string[] {
  return [...UNSHARE, "sh", "-c", CLOSE, "sh", ...files, "--"];
}

/** Device node of each NVIDIA GPU of this machine, by UUID. */
export async function gpuNodes(): Promise<ReadonlyMap<string, string>> {
  // Deno lets only processes that may do all read /proc/driver.
  const facts = "cat /proc/driver/nvidia/gpus/*/information";
  return nodesIn(await outputOf("sh", ["-c", facts]) ?? "");
}

/** The nodes in what NVIDIA's kernel driver says of its GPUs, one after the other. */
export function nodesIn(facts: string): Map<string, string> {
  const nodes = facts.matchAll(
    /GPU UUID:\s*GPU-([0-9a-f-]{36})[^]*?Device Minor:\s*(\d+)/g,
  );
  return new Map(
    [...nodes].map(([, uuid, minor]) => [uuid!, `/dev/nvidia${minor}`]),
  );
}

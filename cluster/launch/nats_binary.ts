import { fileURLToPath } from "node:url";
import { EnvironmentError } from "../../src/env/mod.ts";

/** Where set-up puts a server when none is installed. */
const OWN_TOOL = fileURLToPath(
  new URL("../../.tools/bin/nats-server", import.meta.url),
);

/**
 * Finds a nats-server on the PATH, then in `.tools/bin`.
 *
 * @throws {EnvironmentError} If there is none.
 */
export async function findNatsServer(
  path = Deno.env.get("PATH") ?? "",
  ownTool = OWN_TOOL,
): Promise<string> {
  const candidates = path.split(":").filter((folder) => folder !== "")
    .map((folder) => `${folder}/nats-server`);
  for (const candidate of [...candidates, ownTool]) {
    if (await isExecutable(candidate)) return candidate;
  }
  throw new EnvironmentError(
    "Cannot start a run: nats-server is neither on the PATH nor in .tools/bin",
    {
      hint: "apt-get install -y nats-server   " +
        "(without root: apt-get download nats-server && dpkg-deb -x nats-server_*.deb .tools/root && " +
        "mkdir -p .tools/bin && ln -sf ../root/usr/sbin/nats-server .tools/bin/)",
    },
  );
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    const info = await Deno.stat(path);
    return info.isFile && ((info.mode ?? 0) & 0o111) !== 0;
  } catch {
    return false;
  }
}

import { strictEqual } from "node:assert";
import { netPermission } from "../../cluster/launch/rank_permissions.ts";

/** Another address of this machine stands for another machine. */
const OTHER = "127.0.0.2";

/** What a process that may reach so much says of connecting to an address. */
async function dial(permission: string, hostname: string): Promise<string> {
  const program = await Deno.makeTempFile({ suffix: ".ts" });
  using listener = Deno.listen({ hostname, port: 0 });
  const { port } = listener.addr;
  try {
    await Deno.writeTextFile(
      program,
      `await Deno.connect({ hostname: "${hostname}", port: ${port} })
        .then((socket) => socket.close(), (error) => console.log(error.name));`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--no-lock", permission, program],
    }).output();
    strictEqual(new TextDecoder().decode(stderr), "");
    return new TextDecoder().decode(stdout).trim();
  } finally {
    await Deno.remove(program);
  }
}

Deno.test("netPermission() lets a rank dial ranks of other machines only where there may be some", async () => {
  const reached = "10.0.0.1:4222";
  strictEqual(await dial(netPermission(reached, true), OTHER), "");
  strictEqual(await dial(netPermission(reached, false), OTHER), "NotCapable");
  strictEqual(await dial(netPermission(reached, false), "127.0.0.1"), "");
  const own = "127.0.0.1:4222";
  strictEqual(await dial(netPermission(own, true), OTHER), "NotCapable");
});

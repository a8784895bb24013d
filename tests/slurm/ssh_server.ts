import { ok } from "node:assert";
import { freePorts, unpacked, until } from "./slurm_cluster.ts";

/**
 * A real SSH server on the loopback, with a key of its own, and a folder with an
 * `ssh` that knows both. Its login and its user exist in a namespace alone.
 */
export class SshServer implements AsyncDisposable {
  /** Folder to put in front of the PATH. */
  readonly bin: string;
  readonly #folder: string;
  readonly #process: Deno.ChildProcess;

  private constructor(folder: string, process: Deno.ChildProcess) {
    this.#folder = folder;
    this.bin = `${folder}/bin`;
    this.#process = process;
  }

  static async start(): Promise<SshServer> {
    const root = await unpacked();
    const folder = await Deno.makeTempDir({ prefix: "signet-ssh-" });
    const [port] = freePorts(1);
    const library = `${root}/usr/lib/x86_64-linux-gnu`;
    const env = {
      LD_LIBRARY_PATH: [library, Deno.env.get("LD_LIBRARY_PATH")]
        .filter(Boolean).join(":"),
    };
    for (const key of ["host", "user"]) {
      const { success } = await new Deno.Command(`${root}/usr/bin/ssh-keygen`, {
        args: ["-q", "-t", "ed25519", "-N", "", "-f", `${folder}/${key}`],
        env,
      }).output();
      ok(success);
    }
    await Deno.writeTextFile(
      `${folder}/sshd_config`,
      `Port ${port}
ListenAddress 127.0.0.1
HostKey ${folder}/host
AuthorizedKeysFile ${folder}/user.pub
PidFile none
StrictModes no
PermitRootLogin yes
UsePAM no
`,
    );
    await Deno.writeTextFile(
      `${folder}/passwd`,
      "root::0:0:root:/root:/bin/sh\nsshd:*:65534:65534::/run/sshd:/bin/false\n",
    );
    await Deno.mkdir(`${folder}/bin`);
    await Deno.writeTextFile(
      `${folder}/bin/ssh`,
      `#!/bin/sh
LD_LIBRARY_PATH='${env.LD_LIBRARY_PATH}' exec '${root}/usr/bin/ssh' -F none -p ${port} \\
  -o IdentityFile=${folder}/user -o StrictHostKeyChecking=no \\
  -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"
`,
      { mode: 0o755 },
    );
    const process = new Deno.Command("unshare", {
      args: [
        "--mount",
        "sh",
        "-c",
        `mount --bind "$1/passwd" /etc/passwd && mount -t tmpfs none /run &&
mkdir -m 755 /run/sshd && exec "$2" -D -e -f "$1/sshd_config"`,
        "sh",
        folder,
        `${root}/usr/sbin/sshd`,
      ],
      env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new SshServer(folder, process);
    await until(
      "sshd",
      () =>
        Deno.connect({ hostname: "127.0.0.1", port: port! })
          .then((connection) => (connection.close(), true)).catch(() => false),
    );
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

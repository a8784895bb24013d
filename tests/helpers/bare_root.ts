import { dirname } from "node:path";

/** What any Linux has, by name; nothing that could fetch or install anything. */
const PROGRAMS =
  "sh cat cksum cp cut dirname find grep head id ln mkdir mkfifo mv readlink rm sed sort stat tail touch uname"
    .split(" ");

/** Brings the loopback of a network namespace up, which has nothing else. */
const LOOPBACK_UP = `
const libc = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
});
const request = new Uint8Array(40);
request.set(new TextEncoder().encode("lo"));
new DataView(request.buffer).setInt16(16, 0x41, true);
const SIOCSIFFLAGS = 0x8914n;
const failed = libc.symbols.ioctl(libc.symbols.socket(2, 2, 0), SIOCSIFFLAGS, request);
Deno.exit(failed ? 1 : 0);
`;

/**
 * A root directory of its own with a C library and the shell's usual programs,
 * entered without any network. Needs the right to make namespaces.
 */
export class BareRoot implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<BareRoot> {
    const root = new BareRoot(
      await Deno.makeTempDir({ prefix: "signet-root-" }),
    );
    for (const folder of ["proc", "dev", "tmp", "etc"]) {
      await Deno.mkdir(`${root.path}/${folder}`);
    }
    for (const program of PROGRAMS) await root.add(which(program));
    // The C library has more parts than the shell's programs use.
    await root.#addLibraries(Deno.execPath());
    return root;
  }

  /** Puts a program or library of this machine there, with all it needs. */
  async add(path: string): Promise<void> {
    await this.#copy(path);
    await this.#addLibraries(path);
  }

  async #addLibraries(path: string): Promise<void> {
    const { stdout } = await new Deno.Command("ldd", {
      args: [path],
      stderr: "null",
    }).output();
    const needed = [
      ...new TextDecoder().decode(stdout)
        .matchAll(/(?:=> )?(\/\S+) \(0x/g),
    ].map(([, library]) => library!);
    for (const file of needed) await this.#copy(file);
  }

  async #copy(file: string): Promise<void> {
    const target = this.path + file;
    if (await Deno.stat(target).catch(() => undefined)) return;
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.copyFile(await Deno.realPath(file), target);
  }

  /** Runs a command of the shell inside. */
  async run(
    command: string,
    env: Record<string, string> = {},
  ): Promise<{ code: number; out: string; err: string }> {
    const script = `${this.path}.ts`;
    await Deno.writeTextFile(script, LOOPBACK_UP);
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: [
        "--net",
        "--mount",
        "sh",
        "-c",
        `"$1" run -q -A --no-config "$2" && rm "$2" &&
mount -t proc proc "$3/proc" && mount --rbind /dev "$3/dev" &&
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp NO_COLOR=1 ${
          Object.entries(env).map(([name, value]) => `${name}=${value}`)
            .join(" ")
        } chroot "$3" /bin/sh -c "$4"`,
        "sh",
        Deno.execPath(),
        script,
        this.path,
        command,
      ],
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

function which(program: string): string {
  for (const folder of ["/bin", "/usr/bin", "/usr/sbin", "/sbin"]) {
    try {
      Deno.statSync(`${folder}/${program}`);
      return `${folder}/${program}`;
    } catch {
      // Not here.
    }
  }
  throw new Error(`Cannot find ${program} on this system`);
}

/**
 * A checkout's set-up scripts on a machine that has only the programs given:
 * real ones of the system by name, and stand-ins that record how they were
 * called. Nothing else is on its PATH, so nothing can be installed for real.
 */
export class BareMachine {
  readonly root: string;
  readonly #bin: string;

  private constructor(root: string) {
    this.root = root;
    this.#bin = `${root}/bin`;
  }

  static async create(): Promise<BareMachine> {
    const machine = new BareMachine(
      await Deno.makeTempDir({ prefix: "a bare machine " }),
    );
    const { root } = machine;
    await Deno.mkdir(`${root}/cluster/setup`, { recursive: true });
    await Deno.mkdir(`${root}/.ci`);
    await Deno.mkdir(machine.#bin);
    const files = [...Deno.readDirSync("cluster/setup")].map(({ name }) =>
      `cluster/setup/${name}`
    );
    for (
      const file of [
        ...files,
        "cluster/run.sh",
        "cluster/task.sh",
        ".ci/run",
        "deno.lock",
      ]
    ) {
      await Deno.copyFile(file, `${root}/${file}`);
    }
    // Programs of the real machine, off the PATH.
    const steps = `${root}/cluster/setup/steps.sh`;
    const text = await Deno.readTextFile(steps);
    await Deno.writeTextFile(
      steps,
      text.replaceAll(/ \/usr\/(local\/)?sbin\//g, ` "${root}"/$1sbin/`),
    );
    for (const tool of TOOLS) {
      await Deno.symlink(which(tool), `${machine.#bin}/${tool}`);
    }
    return machine;
  }

  /** Puts a shell script on the PATH, or into another folder; each call appends a line to `calls`. */
  async program(name: string, body: string, folder = "bin"): Promise<void> {
    await Deno.mkdir(`${this.root}/${folder}`, { recursive: true });
    const path = `${this.root}/${folder}/${name}`;
    await Deno.writeTextFile(
      path,
      `#!/bin/sh\necho "${name} $*" >>'${this.root}/calls'\n${body}\n`,
    );
    await Deno.chmod(path, 0o755);
  }

  /** A Deno that finds an adapter, installs packages and repeats its arguments. */
  async deno(version: string, adapter = "Some adapter"): Promise<void> {
    await this.program(
      "deno",
      `case "$1" in
--version) echo "deno ${version} (stable)" ;;
ci) mkdir -p node_modules/.deno ;;
run) case "$*" in *probe.js) echo "${adapter}" | grep . ;; *) echo "ran $*" ;; esac ;;
esac`,
    );
  }

  async calls(): Promise<string> {
    return await Deno.readTextFile(`${this.root}/calls`).catch(() => "");
  }

  async run(
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<{ code: number; out: string; err: string }> {
    const { code, stdout, stderr } = await new Deno.Command(which(args[0]!), {
      args: args.slice(1),
      cwd: this.root,
      clearEnv: true,
      env: { PATH: this.#bin, HOME: this.root, ...env },
    }).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.root, { recursive: true });
  }
}

/** What any Debian without additions has and the scripts use. */
const TOOLS = [
  ..."cat cksum chmod cp cut dirname find flock grep head id ln mkdir mv readlink rm sed"
    .split(" "),
  ..."sha256sum sh sort stat tail tar tee touch uname".split(" "),
];

function which(tool: string): string {
  for (const folder of ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]) {
    try {
      Deno.statSync(`${folder}/${tool}`);
      return `${folder}/${tool}`;
    } catch {
      // Not here.
    }
  }
  throw new Error(`Cannot find ${tool} on this system`);
}

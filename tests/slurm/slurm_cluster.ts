import { ok } from "node:assert";

const decoder = new TextDecoder();

/**
 * A real SLURM of two nodes on this machine: the daemons of Debian's packages,
 * unpacked by set-up, as processes of this one, on the loopback alone.
 */
export class SlurmCluster implements AsyncDisposable {
  readonly folder: string;
  readonly env: Record<string, string>;
  readonly #root: string;
  readonly #daemons = new Map<string, Deno.ChildProcess>();
  /** Those of them that do not run. */
  readonly #ended = new Set<string>();

  private constructor(folder: string, root: string) {
    this.folder = folder;
    this.#root = root;
    const library = `${root}/usr/lib/x86_64-linux-gnu`;
    this.env = {
      SLURM_CONF: `${folder}/slurm.conf`,
      PATH: `${root}/usr/bin:${Deno.env.get("PATH")}`,
      LD_LIBRARY_PATH: [
        library,
        `${library}/slurm-wlm`,
        Deno.env.get("LD_LIBRARY_PATH"),
      ].filter(Boolean).join(":"),
    };
  }

  /** Starts it; set-up brings what is missing. Two cores a node. */
  static async start(): Promise<SlurmCluster> {
    const root = await unpacked();
    const folder = await Deno.makeTempDir({ prefix: "signet-slurm-" });
    const cluster = new SlurmCluster(folder, root);
    try {
      await cluster.#start();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  async #start(): Promise<void> {
    const { folder } = this;
    for (const name of ["ctld", "n1", "n2", "log"]) {
      await Deno.mkdir(`${folder}/${name}`);
    }
    await Deno.writeFile(
      `${folder}/munge.key`,
      crypto.getRandomValues(new Uint8Array(128)),
      { mode: 0o600 },
    );
    await Deno.symlink(this.#root, `${folder}/root`);
    await Deno.writeTextFile(`${folder}/slurm.conf`, this.#configuration());
    await Deno.writeTextFile(`${folder}/cgroup.conf`, CGROUPS);
    // deno-fmt-ignore
    this.#daemon("munge", "munged", ["--foreground", "--force",
      `--key-file=${folder}/munge.key`, `--socket=${folder}/munge.socket`,
      `--pid-file=${folder}/munge.pid`, `--log-file=${folder}/log/munge`,
      `--seed-file=${folder}/munge.seed`]);
    await until(
      "munged",
      () => Deno.stat(`${folder}/munge.socket`).catch(() => undefined),
    );
    this.#daemon("controller", "slurmctld-wlm", ["-D"]);
    this.startNode("n1");
    this.startNode("n2");
    await this.#untilIdle();
  }

  async #untilIdle(): Promise<void> {
    await until("two idle nodes", async () => {
      ok(this.#ended.size === 0, `these have ended: ${[...this.#ended]}`);
      const nodes = await this.run("sinfo", "-h", "-o", "%t %D")
        .catch(() => "");
      return nodes === "idle 2";
    });
  }

  #configuration(): string {
    const { folder } = this;
    const [controller, n1, n2] = freePorts(3);
    const user = Deno.uid() === 0 ? "root" : Deno.env.get("USER");
    const node = (name: string, port: number) =>
      `NodeName=${name} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${port} CPUs=2 RealMemory=2000`;
    return `ClusterName=test
SlurmctldHost=localhost
SlurmUser=${user}
SlurmdUser=${user}
AuthType=auth/munge
AuthInfo=socket=${folder}/munge.socket
PluginDir=${folder}/root/usr/lib/x86_64-linux-gnu/slurm-wlm
SlurmctldPort=${controller}
StateSaveLocation=${folder}/ctld
SlurmdSpoolDir=${folder}/%n
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd-%n.pid
SlurmctldLogFile=${folder}/log/slurmctld
SlurmdLogFile=${folder}/log/slurmd-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0
KillWait=10
SlurmdTimeout=10
SlurmdParameters=config_overrides
MailProg=/bin/true
${node("n1", n1!)}
${node("n2", n2!)}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=60 State=UP
`;
  }

  #daemon(key: string, program: string, args: string[]): void {
    const child = new Deno.Command(`${this.#root}/usr/sbin/${program}`, {
      args,
      env: this.env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#daemons.set(key, child);
    this.#ended.delete(key);
    child.status.then(() => this.#ended.add(key));
  }

  startNode(name: string): void {
    const stepd = `${this.#root}/usr/sbin/slurmstepd-wlm`;
    this.#daemon(name, "slurmd-wlm", ["-D", "-N", name, "-d", stepd]);
  }

  /**
   * A node loses its power: all that runs on it stops at one moment, and what it had
   * in memory is gone. One by one, a program's shepherd would tell the controller of
   * its end, which then ends the step on the other node too.
   */
  async killNode(name: string): Promise<void> {
    await this.#kill(name);
    await this.#daemons.get(name)!.status;
    await Deno.remove(`${this.folder}/${name}`, { recursive: true });
    await Deno.mkdir(`${this.folder}/${name}`);
  }

  /** Stops all processes of a node, or of the cluster, and then kills them. */
  async #kill(node = ""): Promise<void> {
    const stopped = new Set<number>();
    let more = true;
    while (more) {
      more = false;
      for await (const pid of this.#processes(node)) {
        if (stopped.has(pid)) continue;
        kill(pid, "SIGSTOP");
        stopped.add(pid);
        more = true;
      }
    }
    for (const pid of stopped) kill(pid, "SIGKILL");
  }

  /** Without jobs and with both nodes, whatever has happened. */
  async recover(): Promise<void> {
    await this.run("scancel", "--partition=main");
    for (const node of ["n1", "n2"]) {
      if (this.#ended.has(node)) this.startNode(node);
    }
    await this.#untilIdle();
  }

  /** As SLURM finds out by itself, minutes later. */
  async markDown(name: string): Promise<void> {
    await this.run(
      "scontrol",
      "update",
      `NodeName=${name}`,
      "State=DOWN",
      "Reason=power",
    );
  }

  /**
   * Processes of this cluster, or of one of its nodes: all that was started, and the
   * daemons of nodes and of their steps, known by the log that they write. The newest
   * come first, which may be done before all others have been looked at.
   */
  async *#processes(node = ""): AsyncGenerator<number> {
    const log = `${this.folder}/log/slurmd-${node}`;
    const entries = await Array.fromAsync(Deno.readDir("/proc"));
    const names = entries.map(({ name }) => name)
      .filter((name) => /^\d+$/.test(name))
      .sort((a, b) => Number(b) - Number(a));
    for (const name of names) {
      const variables = await Deno.readTextFile(`/proc/${name}/environ`)
        .catch(() => "");
      const set = variables.split("\0");
      if (
        (set.includes(`SLURM_CONF=${this.env.SLURM_CONF}`) &&
          (node === "" || set.includes(`SLURMD_NODENAME=${node}`))) ||
        (await filesOf(name)).some((file) => file.startsWith(log))
      ) yield Number(name);
    }
  }

  /** Runs a program with this SLURM on its path; fails with what it said. */
  async run(program: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", '"$@"', "sh", program, ...args],
      env: this.env,
      stdin: "null",
    }).output();
    ok(code === 0, `${program} ${args.join(" ")}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout).trim();
  }

  /** State of a job, such as `RUNNING`; all its facts with `scontrol show job`. */
  async state(job: string): Promise<string> {
    const facts = await this.run("scontrol", "show", "job", "-o", job);
    return /\bJobState=(\S+)/.exec(facts)![1]!;
  }

  /** Waits until a job is in one of the states; fails when it ends in another one. */
  async untilState(job: string, states: readonly string[]): Promise<string> {
    const wish = `job ${job} ${states.join(" or ")}`;
    let state = "";
    await until(wish, async () => {
      state = await this.state(job);
      const found = states.includes(state);
      ok(found || !ENDS.includes(state), `${wish}: it is ${state}`);
      return found;
    });
    return state;
  }

  /** A requeued job need not wait its minutes; at once its credential is no good yet. */
  async startNow(job: string): Promise<void> {
    await this.untilState(job, ["PENDING"]);
    await this.run("scontrol", "update", `JobId=${job}`, "StartTime=now+3");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kill();
    await until(
      "the end of all processes",
      async () => (await this.#processes().next()).done,
    );
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** States that a job leaves only when it is put back. */
const ENDS = ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"];

const CGROUPS = `CgroupPlugin=cgroup/v1
CgroupAutomount=no
ConstrainCores=no
ConstrainRAMSpace=no
ConstrainDevices=no
`;

/** Polls until `done`; fails after three minutes. */
export async function until(
  what: string,
  done: () => Promise<unknown>,
): Promise<void> {
  const end = Date.now() + 180_000;
  while (!await done()) {
    ok(Date.now() < end, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Files that a process holds open. */
async function filesOf(pid: string): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return await Promise.all(
      entries.map(({ name }) => Deno.readLink(`${folder}/${name}`)),
    );
  } catch {
    // It has ended.
    return [];
  }
}

function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

/**
 * Ports that nobody listens on, below those that the system gives to connections and
 * servers: they stay free until a daemon, which may start again, takes them.
 */
export function freePorts(count: number): number[] {
  const found = new Set<number>();
  while (found.size < count) {
    const port = 10_000 + Math.floor(20_000 * Math.random());
    try {
      Deno.listen({ port }).close();
      found.add(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  return [...found];
}

/** Folder of the unpacked packages. */
export async function unpacked(): Promise<string> {
  const root = `${Deno.cwd()}/.tools/slurm`;
  if (await Deno.stat(root).catch(() => undefined) === undefined) {
    const { code } = await new Deno.Command("sh", {
      args: ["cluster/run.sh", "bootstrap", "slurm"],
    }).output();
    ok(code === 0, "sh cluster/run.sh bootstrap slurm fails");
  }
  return root;
}

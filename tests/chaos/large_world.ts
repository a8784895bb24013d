// deno-lint-ignore-file no-console
import { realEnv } from "../../src/env/mod.ts";
import { LinkCommunicator } from "../../cluster/communicator/mod.ts";
import {
  Coordinator,
  initialState,
  type JournalRecord,
  type RunEnd,
} from "../../cluster/coordinator/mod.ts";
import {
  type NatsServer,
  newUsers,
  startNatsServer,
} from "../../cluster/launch/nats_server.ts";
import {
  connectControl,
  type Control,
  type Credentials,
  openNatsLink,
  runHash,
} from "../../cluster/links/mod.ts";
import {
  HEARTBEAT_MS,
  heartbeatOf,
  subjectsOf,
} from "../../cluster/protocol.ts";
import { Life } from "../../cluster/rank/life.ts";
import { Orders } from "../../cluster/rank/orders.ts";
import { Reporter } from "../../cluster/rank/reporter.ts";

const RUN = "large";
const subjects = subjectsOf(RUN);

/** What a world did, and what it cost. */
export interface WorldReport {
  size: number;
  /** From the first connection to the order of the first phase, in seconds. */
  joinSeconds: number;
  /** Of all in-process ranks together, per rank, in MB. */
  memoryPerRank: number;
  /** Share of one core that the idle world's heartbeats take. */
  heartbeatLoad: number;
  /** Median seconds of a step: an all-reduce of {@linkcode ELEMENTS}. */
  stepSeconds: number;
  /** Ranks whose sums were all right. */
  right: number;
  /** Ranks that were told to abort. */
  aborted: number;
  /** From the loss of a tenth of the ranks to the verdict, in seconds. */
  verdictSeconds: number;
  end: RunEnd;
  victims: readonly number[];
}

const ELEMENTS = 10_000;
const IDLE_MS = 2000;
/** Ranks that connect at a time. */
const AT_ONCE = 32;

/**
 * Runs a world of in-process ranks: the coordinator, the control plane, the
 * collectives and three clustered servers are real, the training is a stub that
 * all-reduces. After `steps` steps a tenth of the ranks vanish.
 */
export async function runLargeWorld(
  size: number,
  steps: number,
): Promise<WorldReport> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "signet-world-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const servers = await startServers(folder, stack);
  const before = Deno.memoryUsage().rss;
  const start = performance.now();
  const running = Promise.withResolvers<void>();
  const control = stack.use(
    await connectControl(servers[0]!.coordinator, {
      name: "coordinator",
      system: servers[0]!.system,
    }),
  );
  const coordinator = new Coordinator({
    env: realEnv,
    runFolder: folder,
    control,
    subjects,
    processes: [],
    watchClients: true,
    observer: {
      onRecord: ({ event }: JournalRecord) => {
        if (event === "phase_started") running.resolve();
      },
      onProgress: () => {},
      onWarning: () => {},
    },
    state: initialState({
      at: realEnv.clock.now(),
      size,
      phases: ["teacher"],
      version: "v",
      config: "c",
    }),
  });
  const verdict = coordinator.run();
  const ranks: StubRank[] = [];
  while (ranks.length < size) {
    // One thread cannot shake the hands of all at once, as their processes would.
    const more = Math.min(AT_ONCE, size - ranks.length);
    ranks.push(
      ...await Promise.all(Array.from({ length: more }, (_, i) => {
        const rank = ranks.length + i;
        // Consecutive ranks share a server, as those of a node do.
        const server = servers[Math.floor(rank * servers.length / size)]!;
        return StubRank.open(server.rank, rank, size);
      })),
    );
  }
  stack.defer(() => Promise.all(ranks.map((rank) => rank.close())).then());
  await Promise.all(ranks.map((rank) => rank.join()));
  await running.promise;
  const joinSeconds = (performance.now() - start) / 1000;
  const memoryPerRank = (Deno.memoryUsage().rss - before) / 1e6 / size;

  const idle = cpuSeconds();
  await realEnv.timers.sleep(IDLE_MS);
  const heartbeatLoad = (cpuSeconds() - idle) / (IDLE_MS / 1000);

  const times: number[] = [];
  for (let step = 0; step < steps; step++) {
    const at = performance.now();
    await Promise.all(ranks.map((rank) => rank.step(step)));
    times.push((performance.now() - at) / 1000);
  }
  const right = ranks.filter((rank) => rank.right).length;

  const victims = ranks.filter((_, rank) => rank % 10 === 9)
    .map(({ rank }) => rank);
  const lost = performance.now();
  await Promise.all(victims.map((rank) => ranks[rank]!.close()));
  const end = await verdict;
  return {
    size,
    joinSeconds,
    memoryPerRank,
    heartbeatLoad,
    stepSeconds: times.toSorted((a, b) => a - b)[times.length >> 1]!,
    right,
    aborted: ranks.filter(({ aborted }) => aborted).length,
    verdictSeconds: (performance.now() - lost) / 1000,
    end,
    victims,
  };
}

async function startServers(
  folder: string,
  stack: AsyncDisposableStack,
): Promise<NatsServer[]> {
  const users = newUsers(realEnv, RUN);
  const word = { user: "route", password: realEnv.randomBytes(24).toHex() };
  const servers: NatsServer[] = [];
  for (let node = 0; node < 3; node++) {
    const routes = servers.slice(0, 1).map(({ clusterAddress }) =>
      clusterAddress!
    );
    servers.push(stack.use(
      await startNatsServer({
        env: realEnv,
        folder: `${folder}/node-${node}`,
        run: RUN,
        users,
        cluster: { host: "127.0.0.1", port: -1, routes, ...word },
      }),
    ));
  }
  return servers;
}

/** A rank as it is, but for its GPU, and in the thread of all others. */
class StubRank {
  readonly rank: number;
  right = true;
  aborted = false;
  readonly #size: number;
  readonly #control: Control;
  readonly #communicator: LinkCommunicator;
  readonly #life = new Life();
  readonly #stopBeating: () => void;
  readonly #values: Float32Array<SharedArrayBuffer>;
  #closed: Promise<void> | undefined;

  private constructor(
    rank: number,
    size: number,
    control: Control,
    communicator: LinkCommunicator,
  ) {
    this.rank = rank;
    this.#size = size;
    this.#control = control;
    this.#communicator = communicator;
    this.#values = communicator.allocate(ELEMENTS);
    const beat = () =>
      control.publish(subjects.heartbeat, heartbeatOf(rank, this.#life.words));
    beat();
    this.#stopBeating = realEnv.timers.every(HEARTBEAT_MS, beat);
  }

  static async open(
    credentials: Credentials,
    rank: number,
    size: number,
  ): Promise<StubRank> {
    const name = `rank-${rank}`;
    const control = await connectControl(credentials, { name });
    const communicator = new LinkCommunicator({
      link: await openNatsLink(credentials, {
        rank,
        size,
        name: `${name}-data`,
        subject: (to, lane) => subjects.data(to, lane),
      }),
      world: { run: runHash(RUN), generation: 1 },
      env: realEnv,
      warnAfterMs: 60_000,
      deadlineMs: 120_000,
      onWarning: () => {},
    });
    return new StubRank(rank, size, control, communicator);
  }

  /** Hello, the first collective, ready, and the order of the phase. */
  async join(): Promise<void> {
    const reporter = new Reporter(realEnv, this.#control, subjects);
    const orders = new Orders(this.#control, subjects.command(this.rank), {
      life: this.#life,
      onRegroup: () => {},
      onAbort: () => {
        this.aborted = true;
        this.close();
      },
    });
    const never = new AbortController().signal;
    await this.#control.flush();
    const { rank } = this;
    await reporter.report({
      kind: "hello",
      rank,
      host: `node-${Math.floor(3 * rank / this.#size)}`,
      pid: rank + 1,
      gpu: {
        kind: "discrete",
        uuid: `00000000-0000-0000-0000-${`${rank}`.padStart(12, "0")}`,
        vendor: 0,
        device: 0,
        driver: "00000000-0000-0000-0000-000000000000",
      },
      deno: "stub",
      version: "v",
      config: "c",
    }, never);
    await this.#communicator.barrier();
    await reporter.report({
      kind: "ready",
      rank,
      adapter: { name: "stub", vendor: 0, device: 0, cpu: true },
      form: "register",
      data: "d",
      share: 1,
    }, never);
    await orders.next();
    this.#life.startPhase("teacher");
  }

  async step(step: number): Promise<void> {
    this.#values.fill(this.rank + step);
    await this.#communicator.allReduce(this.#values);
    this.#life.onStep(step + 1);
    const size = this.#size;
    const expected = size * (size - 1) / 2 + size * step;
    this.right &&= this.#values.every((value) => value === expected);
  }

  /** Gone without a word, as when its machine loses power. */
  close(): Promise<void> {
    this.#stopBeating();
    return this.#closed ??= Promise.all([
      this.#communicator.close(),
      this.#control.close(),
    ]).then();
  }
}

/** Processor time of this process so far. */
function cpuSeconds(): number {
  const fields = Deno.readTextFileSync("/proc/self/stat")
    .replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

if (import.meta.main) {
  for (const size of Deno.args.map(Number)) {
    const report = await runLargeWorld(size, 3);
    console.log(describeWorld(report));
  }
  Deno.exit(0);
}

/** One line of figures. */
export function describeWorld(report: WorldReport): string {
  const { size, joinSeconds, memoryPerRank, heartbeatLoad } = report;
  return `${size} ranks: joined in ${joinSeconds.toFixed(1)} s, ${
    memoryPerRank.toFixed(1)
  } MB a rank, idle ${(100 * heartbeatLoad).toFixed(0)} % of a core, step ${
    (1000 * report.stepSeconds).toFixed(0)
  } ms, a tenth lost: verdict in ${report.verdictSeconds.toFixed(1)} s`;
}

// deno-lint-ignore-file no-console
import { realEnv } from "../../src/env/mod.ts";
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
import { connectControl } from "../../cluster/links/mod.ts";
import { subjectsOf } from "../../cluster/protocol.ts";
import { PATIENCE_MS, RUN, StubRank } from "./stub_rank.ts";

/** What a world did, and what it cost. */
export interface WorldReport {
  size: number;
  /** From the first connection to the order of the first phase, in seconds. */
  joinSeconds: number;
  /** Of it until all are connected. */
  connectSeconds: number;
  /** Of all in-process ranks together, per rank, in MB. */
  memoryPerRank: number;
  /** Heartbeats a second that the coordinator hears in the idle world. */
  heartbeats: number;
  /** Shares of one core that they take: of all ranks and the coordinator, and of the servers. */
  heartbeatLoad: number;
  serverLoad: number;
  /** Median seconds of a step: an all-reduce of 40 kB. */
  stepSeconds: number;
  /** Ranks whose sums were all right. */
  right: number;
  victims: readonly number[];
  /** Ranks that the coordinator has named as lost. */
  lost: readonly number[];
  /** From the loss of a tenth of the ranks to the order that leaves all of them out, in seconds. */
  lossSeconds: number;
  /** From there to the first sum of those that are left. */
  regroupSeconds: number;
  end: RunEnd;
}

const IDLE_MS = 2000;
/** Ranks that connect at a time. */
const AT_ONCE = 32;

/**
 * Runs a world of in-process ranks: the coordinator, the control plane, the
 * collectives and three clustered servers are real, the training is a stub that
 * all-reduces. After `steps` steps a tenth of the ranks vanish; the others go on
 * without them, sum once more and leave.
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
  const lost: number[] = [];
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {});
  /** What some ranks do, as long as no other is lost than those that vanish. */
  const all = (work: Promise<void>[]) =>
    Promise.race([Promise.all(work), broken.promise]);
  const coordinator = new Coordinator({
    env: realEnv,
    runFolder: folder,
    control,
    subjects: subjectsOf(RUN),
    processes: [],
    watchClients: true,
    observer: {
      onRecord(record: JournalRecord) {
        if (record.event === "phase_started") running.resolve();
        if (record.event === "rank_lost") lost.push(record.failure.rank!);
        const { failure } = { failure: undefined, ...record };
        if (failure !== undefined && !isVictim(failure.rank)) {
          broken.reject(new Error(JSON.stringify(failure)));
        }
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
      onRankLoss: "continue",
      // One thread does the steps of all, and none while it learns who is left: it
      // is late with their heartbeats, and those that vanish are seen without.
      limits: { step: PATIENCE_MS, dead: PATIENCE_MS },
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
  const connectSeconds = (performance.now() - start) / 1000;
  stack.defer(() => Promise.all(ranks.map((rank) => rank.close())).then());
  await all([...ranks.map((rank) => rank.join()), running.promise]);
  const joinSeconds = (performance.now() - start) / 1000;
  const memoryPerRank = (Deno.memoryUsage().rss - before) / 1e6 / size;

  const idle = {
    heartbeats: 0,
    own: cpuSeconds(Deno.pid),
    servers: servers.map(({ pid }) => cpuSeconds(pid)),
  };
  const { heartbeat } = subjectsOf(RUN);
  const deaf = control.subscribe(heartbeat, () => idle.heartbeats++);
  await realEnv.timers.sleep(IDLE_MS);
  deaf();
  const perSecond = 1000 / IDLE_MS;
  const heartbeats = idle.heartbeats * perSecond;
  const heartbeatLoad = (cpuSeconds(Deno.pid) - idle.own) * perSecond;
  const serverLoad = perSecond *
    servers.reduce(
      (sum, { pid }, i) => sum + cpuSeconds(pid) - idle.servers[i]!,
      0,
    );

  const times: number[] = [];
  for (let step = 0; step < steps; step++) {
    const at = performance.now();
    await all(ranks.map((rank) => rank.step(step)));
    times.push((performance.now() - at) / 1000);
  }

  const victims = ranks.filter(({ rank }) => isVictim(rank));
  const left = ranks.filter(({ rank }) => !isVictim(rank));
  const vanished = performance.now();
  await all(victims.map((rank) => rank.close()));
  await all(left.map((rank) => rank.regrouped(left.length)));
  const lossSeconds = (performance.now() - vanished) / 1000;
  await all(left.map((rank) => rank.rejoin()));
  await all(left.map((rank) => rank.step(steps)));
  const regroupSeconds = (performance.now() - vanished) / 1000 - lossSeconds;
  const right = left.filter((rank) => rank.right).length;
  await all(left.map((rank) => rank.leave()));
  return {
    size,
    joinSeconds,
    connectSeconds,
    memoryPerRank,
    heartbeats,
    heartbeatLoad,
    serverLoad,
    stepSeconds: times.toSorted((a, b) => a - b)[times.length >> 1]!,
    right,
    victims: victims.map(({ rank }) => rank),
    lost: lost.toSorted((a, b) => a - b),
    lossSeconds,
    regroupSeconds,
    end: await verdict,
  };
}

/** A tenth of the ranks. */
function isVictim(rank: number | undefined): boolean {
  return rank !== undefined && rank % 10 === 9;
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

/** Processor time of a process so far. */
function cpuSeconds(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`)
    .replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** One line of figures. */
export function describeWorld(report: WorldReport): string {
  const { size, victims, lost } = report;
  const seconds = (value: number) => `${value.toFixed(1)} s`;
  const percent = (value: number) => `${Math.round(100 * value)} %`;
  return [
    `${size} ranks: joined in ${seconds(report.joinSeconds)} (connected in ${
      seconds(report.connectSeconds)
    })`,
    `${report.memoryPerRank.toFixed(1)} MB a rank`,
    `${Math.round(report.heartbeats)} heartbeats/s, ${
      percent(report.heartbeatLoad)
    } of a core (servers ${percent(report.serverLoad)})`,
    `step ${(1000 * report.stepSeconds).toFixed(0)} ms`,
    `${victims.length} vanish: ${lost.length} named in ${
      seconds(report.lossSeconds)
    }, the others sum ${seconds(report.regroupSeconds)} later`,
  ].join(", ");
}

if (import.meta.main) {
  for (const size of Deno.args.map(Number)) {
    const report = await runLargeWorld(size, 3);
    console.error(describeWorld(report));
    console.log(JSON.stringify(report));
  }
  Deno.exit(0);
}

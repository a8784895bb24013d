import { realEnv } from "../../src/env/mod.ts";
import {
  type NatsServer,
  startNatsServer,
} from "../../cluster/launch/nats_server.ts";
import {
  CommWorker,
  type Wait,
  type WorkerCommunicator,
} from "../../cluster/communicator/mod.ts";
import { LIFE_WORDS } from "../../cluster/life_words.ts";

/** A server of its own for a test. */
export async function withServer(
  test: (server: NatsServer) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "signet-nats-" });
  try {
    await using server = await startNatsServer({
      env: realEnv,
      folder,
      run: "test",
    });
    await test(server);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export function newLife(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(LIFE_WORDS * 4));
}

/** Rank 1 in a process of its own, which sums without end; its scope ends it. */
export function startPeer(server: NatsServer): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "tests/cluster/comm_worker_rank.ts",
      server.credentialsFile,
    ],
    stdin: "null",
    stdout: "null",
  }).spawn();
}

interface Started {
  workers: CommWorker[];
  ranks: WorkerCommunicator[];
}

/** Workers of ranks that have met. */
export async function withWorkers(
  options: {
    size: number;
    deadlineMs?: number;
    onWarning?: (rank: number, wait: Wait) => void;
  },
  test: (started: Started, server: NatsServer) => Promise<void>,
): Promise<void> {
  const { size, deadlineMs = 20_000, onWarning } = options;
  await withServer(async (server) => {
    const workers = await Promise.all(
      Array.from({ length: size }, (_, rank) =>
        CommWorker.open({
          credentials: server.rank,
          rank,
          life: newLife(),
          onWarning: (wait) => onWarning?.(rank, wait),
        })),
    );
    const ranks = await Promise.all(
      workers.map((worker) =>
        worker.join({
          members: workers.map(({ rank }) => rank),
          deadlineMs,
          warnAfterMs: deadlineMs / 4,
        })
      ),
    );
    await test({ workers, ranks }, server);
    await Promise.all(workers.map((worker) => worker.close()));
  });
}

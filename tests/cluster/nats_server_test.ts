import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { Socket } from "node:net";
import { EnvironmentError, realEnv } from "../../src/env/mod.ts";
import { findNatsServer } from "../../cluster/launch/nats_binary.ts";
import {
  type NatsServer,
  newUsers,
  startNatsServer,
} from "../../cluster/launch/nats_server.ts";
import { natsConfig } from "../../cluster/launch/nats_config.ts";
import {
  connectControl,
  type DisconnectNotice,
  NoAnswerError,
  readCredentials,
} from "../../cluster/links/mod.ts";
import { NatsWire } from "../../cluster/links/nats_wire.ts";
import { MAX_CONTROL_BYTES, subjectsOf } from "../../cluster/protocol.ts";
import { isAlive } from "./train_process.ts";

async function withServer(
  test: (server: NatsServer, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "signet-nats-" });
  try {
    await using server = await startNatsServer({
      env: realEnv,
      folder: `${folder}/nats`,
      run: "test",
    });
    await test(server, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function untilDead(pid: number): Promise<void> {
  while (isAlive(pid)) await realEnv.timers.sleep(20);
}

const subjects = subjectsOf("test");

/** Longest time for an answer that takes none, in ms. */
const PATIENCE_MS = 20_000;

Deno.test("startNatsServer() keeps configuration and credentials from other users", async () => {
  await withServer(async (server, folder) => {
    for (const file of [server.credentialsFile, `${folder}/nats/nats.conf`]) {
      strictEqual((await Deno.stat(file)).mode! & 0o777, 0o600, file);
    }
    deepStrictEqual(await readCredentials(server.credentialsFile), server.rank);
    ok(server.url.startsWith("nats://127.0.0.1:"));
  });
});

Deno.test("natsConfig() writes IPv6 addresses as nats-server reads them", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-nats-" });
  for (const host of ["fd00::7", "[::1]", "n1"]) {
    const cluster = { host, port: -1, routes: [], user: "u", password: "p" };
    const users = newUsers(realEnv, "test");
    const config = `${folder}/nats.conf`;
    await Deno.writeTextFile(
      config,
      natsConfig({ run: "test", name: "a", host, port: -1, users, cluster }),
    );
    const { success, stdout } = await new Deno.Command(
      await findNatsServer(),
      { args: ["-t", "-c", config] },
    ).output();
    ok(success, `${host}: ${new TextDecoder().decode(stdout)}`);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("startNatsServer() starts two servers side by side", async () => {
  await withServer(async (one) => {
    await withServer((two) => {
      ok(one.url !== two.url);
      return Promise.resolve();
    });
  });
});

Deno.test("stop() leaves no process behind", async () => {
  let pid = 0;
  await withServer((server) => {
    pid = server.pid;
    ok(isAlive(pid));
    return Promise.resolve();
  });
  ok(!isAlive(pid));
});

Deno.test("a server that ends leaves no guard behind, however slow that is", async () => {
  await withServer(async (server, folder) => {
    const guards: number[] = [];
    for await (const { name } of Deno.readDir("/proc")) {
      const line = await Deno.readTextFile(`/proc/${name}/cmdline`)
        .catch(() => "");
      if (line.includes(`${folder}/nats`) && line.includes("nats-guard")) {
        guards.push(Number(name));
      }
    }
    // The shell, and what it has made of itself to wait for the end of a pipe.
    const waiting = guards.find((pid) => {
      const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
      return guards.includes(Number(/\) \w (\d+)/.exec(stat)![1]));
    });
    Deno.kill(waiting!, "SIGSTOP");
    Deno.kill(server.pid, "SIGKILL");
    await server.ended;
    ok(!guards.some(isAlive));
  });
});

Deno.test("stop() ends a server that was stopped by a signal", async () => {
  await withServer(async (server) => {
    Deno.kill(server.pid, "SIGSTOP");
    await server.stop();
    ok(!isAlive(server.pid));
  });
});

/** Has another process start a server, and kills it after `prepare`. */
async function killOwner(
  folder: string,
  prepare: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const module = new URL(
    "../../cluster/launch/nats_server.ts",
    import.meta.url,
  );
  const env = new URL("../../src/env/mod.ts", import.meta.url);
  const parent = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--no-check",
      `import { startNatsServer } from "${module}";
       import { realEnv } from "${env}";
       const server = await startNatsServer({ env: realEnv, folder: ${
        JSON.stringify(folder)
      }, run: "test" });
       console.log(server.pid);
       setInterval(() => {}, 1000);`,
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = parent.stdout.getReader();
  const pid = Number(new TextDecoder().decode((await reader.read()).value));
  ok(isAlive(pid));
  await prepare();
  parent.kill("SIGKILL");
  await parent.status;
  await reader.cancel();
  return pid;
}

Deno.test("startNatsServer() has its server end, and its folder go, when its own process is killed", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-nats-" });
  await untilDead(await killOwner(folder));
  while (await Deno.stat(folder).catch(() => undefined) !== undefined) {
    await realEnv.timers.sleep(20);
  }
});

Deno.test("startNatsServer() has its server end with its own process although its folder is gone", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-nats-" });
  const pid = await killOwner(
    folder,
    () => Deno.remove(folder, { recursive: true }),
  );
  let forgotten = false;
  const rescue = setTimeout(() => {
    forgotten = true;
    Deno.kill(pid, "SIGKILL");
  }, 10_000);
  await untilDead(pid);
  clearTimeout(rescue);
  ok(!forgotten, "the server outlives who has started it");
});

Deno.test("findNatsServer() says how to install the server when there is none", async () => {
  const empty = await Deno.makeTempDir({ prefix: "signet-nats-" });
  await rejects(findNatsServer(empty, `${empty}/nats-server`), (error) => {
    ok(error instanceof EnvironmentError);
    strictEqual(error.exitCode, 3);
    ok(error.message.includes("nats-server is neither on the PATH"));
    ok(error.hint?.startsWith("apt-get install -y nats-server"));
    return true;
  });
  await Deno.remove(empty);
});

Deno.test("startNatsServer() fails with exit code 3 when the binary does not work", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-nats-" });
  for (const binary of ["/bin/false", "/bin/true", `${folder}/nothing`]) {
    await rejects(
      startNatsServer({ env: realEnv, folder, run: "test", binary }),
      (error) => {
        ok(error instanceof EnvironmentError);
        ok(error.message.includes(binary));
        return true;
      },
    );
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("connectControl() is refused without the right password", async () => {
  await withServer(async (server) => {
    await rejects(
      connectControl({ ...server.rank, password: "guess" }, { name: "x" }),
      (error) => {
        ok(error instanceof EnvironmentError);
        ok(error.message.includes(server.url));
        return true;
      },
    );
  });
});

Deno.test("connectControl() outlives errors of a socket that nobody listens to any more", async () => {
  await withServer(async (server) => {
    await using control = await connectControl(server.rank, { name: "rank-0" });
    const failures: Record<string, () => void> = {
      ECONNRESET() {
        const error = new Error("read ECONNRESET");
        new Socket().emit(
          "error",
          Object.assign(error, { code: "ECONNRESET" }),
        );
      },
      // The client greets a server that was tired of waiting for it.
      ERR_STREAM_WRITE_AFTER_END() {
        const socket = new Socket();
        socket.end();
        socket.write("CONNECT");
      },
    };
    for (const [code, fail] of Object.entries(failures)) {
      // Without a listener, an error event of a socket is an uncaught error.
      const heard = new Promise<unknown>((resolve) => {
        addEventListener("error", (event) => {
          resolve([event.error.code, event.defaultPrevented]);
        }, { once: true });
      });
      setTimeout(fail, 0);
      deepStrictEqual(await heard, [code, true]);
    }
    await control.flush();
  });
});

Deno.test("NatsWire.open() gives a server up that takes the connection and says nothing", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = silent.addr as Deno.NetAddr;
  const opening = NatsWire.open({
    credentials: {
      run: "test",
      url: `nats://127.0.0.1:${port}`,
      user: "rank",
      password: "x",
      inbox: "_INBOX",
    },
    name: "x",
    subject: "x",
    maxMessage: 1000,
    onMessage: () => {},
    onRestored: () => {},
  });
  const socket = await silent.accept();
  await rejects(opening, /Cannot connect to NATS at .*: no answer for 5 s/);
  strictEqual(await socket.read(new Uint8Array(8)), null);
  socket.close();
});

Deno.test("a rank may report but not command", async () => {
  await withServer(async (server) => {
    await using coordinator = await connectControl(server.coordinator, {
      name: "coordinator",
    });
    await using rank = await connectControl(server.rank, { name: "rank-0" });
    const heard: unknown[] = [];
    rank.subscribe(subjects.command(0), (message) => heard.push(message));
    rank.subscribe(subjects.pulse, (message) => heard.push(message));
    coordinator.respond(subjects.report, (message) => ({ answer: message }));
    await Promise.all([rank.flush(), coordinator.flush()]);
    deepStrictEqual(
      await rank.request(subjects.report, [1], PATIENCE_MS),
      { answer: [1] },
    );
    rank.publish(subjects.command(0), "forged");
    rank.publish(subjects.pulse, "forged");
    await rank.flush();
    coordinator.publish(subjects.command(0), "real");
    await coordinator.flush();
    await rank.flush();
    deepStrictEqual(heard, ["real"]);
  });
});

Deno.test("request() tells a subject without a listener from a silent one", async () => {
  await withServer(async (server) => {
    await using control = await connectControl(server.coordinator, {
      name: "coordinator",
    });
    const kind = (expected: string) => (error: unknown) => {
      ok(error instanceof NoAnswerError);
      strictEqual(error.kind, expected);
      return true;
    };
    await rejects(
      control.request(subjects.report, 1, PATIENCE_MS),
      kind("nobody"),
    );
    const end = control.respond(subjects.report, () => undefined);
    await rejects(control.request(subjects.report, 1, 50), kind("silent"));
    end();
    control.respond(subjects.report, () => Promise.reject(new Error("full")));
    await rejects(control.request(subjects.report, 1, 50), kind("silent"));
    // Two bytes each: the receiver would drop it.
    const long = "é".repeat(MAX_CONTROL_BYTES / 2);
    await rejects(control.request(subjects.report, long, 50), RangeError);
  });
});

Deno.test("subscribe() drops messages that are too large or no JSON", async () => {
  await withServer(async (server) => {
    await using control = await connectControl(server.coordinator, {
      name: "coordinator",
    });
    const heard: unknown[] = [];
    control.subscribe(subjects.report, (message) => heard.push(message));
    const { connect } = await import("@nats-io/transport-node");
    const stranger = await connect({
      servers: server.url,
      user: server.rank.user,
      pass: server.rank.password,
    });
    for (const text of ["{", "", "\xff", `"${"x".repeat(300_000)}"`, "7"]) {
      stranger.publish(subjects.report, text);
    }
    await stranger.flush();
    await control.flush();
    deepStrictEqual(heard, [7]);
    strictEqual(control.dropped, 4);
    await stranger.close();
  });
});

Deno.test("onDisconnect() names a client that is gone", async () => {
  await withServer(async (server) => {
    await using control = await connectControl(server.coordinator, {
      name: "coordinator",
      system: server.system,
    });
    const lost = Promise.withResolvers<DisconnectNotice>();
    control.onDisconnect(lost.resolve);
    await control.flush();
    const rank = await connectControl(server.rank, { name: "rank-3" });
    const { connection } = rank;
    await rank.close();
    const notice = await lost.promise;
    deepStrictEqual([notice.name, notice.connection], ["rank-3", connection]);
  });
});

import { deepStrictEqual, match, rejects, strictEqual } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import {
  Comm,
  Exchange,
  PLACE_VARIABLES,
} from "../../cluster/communicator/mod.ts";
import { findNatsServer } from "../../cluster/launch/nats_binary.ts";
import { startNatsProcess } from "../../cluster/launch/nats_process.ts";
import { startNatsServer } from "../../cluster/launch/nats_server.ts";
import {
  APART,
  type Credentials,
  openNatsLink,
  runHash,
} from "../../cluster/links/mod.ts";
import { subjectsOf } from "../../cluster/protocol.ts";

/** Longest time for what should take none, in ms. */
const PATIENCE_MS = 20_000;

async function withFolder(
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "signet-nats-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function openLink(
  credentials: Credentials,
  options: { rank: number; lanes: number; patience?: AbortSignal },
) {
  const subjects = subjectsOf(credentials.run);
  return openNatsLink(credentials, {
    ...options,
    size: 2,
    name: `rank-${options.rank}`,
    subject: (to, lane) => subjects.data(to, lane),
  });
}

Deno.test("openNatsLink() leaves no connection behind when one of several is refused", async () => {
  await withFolder(async (folder) => {
    const config = `${folder}/nats.conf`;
    await Deno.writeTextFile(
      config,
      `listen: "127.0.0.1:-1"\nmax_connections: 3\n`,
    );
    const server = await startNatsProcess({
      env: realEnv,
      binary: await findNatsServer(),
      config,
      folder,
    });
    const credentials: Credentials = {
      url: server.url,
      run: "test",
      user: "",
      password: "",
      inbox: "_INBOX.test",
    };
    await rejects(
      openLink(credentials, { rank: 0, lanes: 4 }),
      /maximum connections exceeded/,
    );
    // The server has all its room again, as soon as it has seen the ends.
    const link = await openLink(credentials, {
      rank: 0,
      lanes: 2,
      patience: AbortSignal.timeout(PATIENCE_MS),
    });
    await link.close();
    await server.stop();
  });
});

Deno.test("openNatsLink() tells the server who it is before anything else, also when it connects again", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const say = (text: string) => new TextEncoder().encode(`${text}\r\n`);
  const firstWords: string[] = [];
  const back = Promise.withResolvers<void>();
  const serve = async (socket: Deno.Conn) => {
    using _socket = socket;
    await socket.write(say('INFO {"max_payload":1048576}'));
    const bytes = new Uint8Array(7);
    await socket.read(bytes);
    firstWords.push(new TextDecoder().decode(bytes));
    await socket.write(say("PONG"));
    // The first two are lost, the next two stay.
    if (firstWords.length === 4) back.resolve();
    if (firstWords.length > 2) { while (await socket.read(bytes)); }
  };
  const serving = (async () => {
    const served: Promise<void>[] = [];
    for await (const socket of listener) served.push(serve(socket));
    await Promise.all(served);
  })();
  const link: { send?: () => void } = {};
  const opened = await openLink({
    url: `nats://127.0.0.1:${listener.addr.port}`,
    run: "test",
    // Frames are sent all the time, also at this one.
    get user() {
      link.send?.();
      return "me";
    },
    password: "",
    inbox: "_INBOX.test",
  }, { rank: 0, lanes: 1 });
  const nothing = new Uint8Array(0);
  link.send = () => {
    for (const lane of [0, APART]) opened.send(1, lane, nothing, nothing);
  };
  await back.promise;
  await opened.close();
  listener.close();
  await serving;
  deepStrictEqual(firstWords, new Array(4).fill("CONNECT"));
});

Deno.test("init() lets the process end when the ranks do not agree on a link", async () => {
  await withFolder(async (folder) => {
    await using server = await startNatsServer({
      env: realEnv,
      folder,
      run: "test",
    });
    const api = new URL("../../mod.ts", import.meta.url);
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--no-check",
        `import { init } from "${api}";
         await init({ timeoutMs: 1000 }).catch(({ message }) => console.log(message));`,
      ],
      env: {
        [PLACE_VARIABLES.rank]: "0",
        [PLACE_VARIABLES.size]: "2",
        [PLACE_VARIABLES.credentials]: server.credentialsFile,
      },
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    // This rank comes, and then takes no part in the choice.
    const exchange = new Exchange({
      link: await openLink(server.rank, { rank: 1, lanes: 4 }),
      world: { run: runHash("test"), generation: 1 },
      env: realEnv,
      warnAfterMs: PATIENCE_MS,
      deadlineMs: PATIENCE_MS,
      onWarning: () => {},
    });
    await new Comm({
      exchange,
      context: exchange.world,
      algorithm: "auto",
      hosts: ["here", "here"],
    }).allGather("here");
    const { stdout, signal } = await child.output();
    clearTimeout(timer);
    strictEqual(signal, null);
    match(new TextDecoder().decode(stdout), /all-gather.* rank 1/);
    await exchange.close();
  });
});

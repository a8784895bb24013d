import { connect } from "@nats-io/transport-node";
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { EnvironmentError, realEnv } from "../../src/env/mod.ts";
import {
  certificatesIn,
  makeCertificates,
} from "../../cluster/launch/certificates.ts";
import {
  type NatsServer,
  type NatsServerOptions,
  startNatsServer,
} from "../../cluster/launch/nats_server.ts";
import { type Refusal, watchRefusals } from "../../cluster/launch/refusals.ts";
import {
  connectControl,
  type Credentials,
  openNatsLink,
  readCredentials,
} from "../../cluster/links/mod.ts";
import { subjectsOf } from "../../cluster/protocol.ts";
import { eventsOf, teacherOnly, withTraining } from "./train_process.ts";
import { openNatsWorld } from "../helpers/nats_world.ts";
import { startPeer } from "./comm_workers.ts";

async function withFolder(
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "signet-secure-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function serverIn(
  folder: string,
  options: Partial<NatsServerOptions> = {},
): Promise<NatsServer> {
  const { run = "test" } = options;
  return startNatsServer({
    ...options,
    env: realEnv,
    folder: `${folder}/${run}`,
    run,
  });
}

function openLink(credentials: Credentials) {
  const subjects = subjectsOf("test");
  return openNatsLink(credentials, {
    rank: 0,
    size: 2,
    name: "stranger",
    lanes: 1,
    subject: (to, lane) => subjects.data(to, lane),
  });
}

/** Both clients are refused: the library's for control and ours for bulk data. */
async function refused(credentials: Credentials): Promise<void> {
  await rejects(
    connectControl(credentials, { name: "stranger" }),
    EnvironmentError,
  );
  await rejects(openLink(credentials), EnvironmentError);
}

Deno.test("passwords stand in no process's arguments or environment", async () => {
  await withFolder(async (folder) => {
    await using server = await serverIn(folder);
    await using rank = startPeer(server);
    await using control = await connectControl(server.coordinator, {
      name: "coordinator",
    });
    const beat = new Promise((resolve) =>
      control.subscribe(subjectsOf("test").heartbeat, resolve)
    );
    const lost = rank.status.then(({ code }) => {
      throw new Error(`the rank ended with code ${code}`);
    });
    await Promise.race([beat, lost]);
    const secrets = Object.values(server.users).map(({ password }) => password);
    strictEqual(new Set(secrets).size, 3);
    let seen = 0;
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      for (const file of ["cmdline", "environ"]) {
        const text = await Deno.readTextFile(`/proc/${name}/${file}`)
          .catch(() => "");
        if (text !== "") seen++;
        for (const secret of secrets) ok(!text.includes(secret), name);
      }
    }
    const { stdout } = await new Deno.Command("ps", { args: ["axeww"] })
      .output();
    const listed = new TextDecoder().decode(stdout);
    for (const secret of secrets) ok(!listed.includes(secret));
    ok(seen > 4 && listed.includes("nats.conf"));
  });
});

Deno.test("a stranger's connections and publications are refused and logged", async () => {
  await withFolder(async (folder) => {
    await using server = await serverIn(folder);
    await using other = await serverIn(folder, { run: "other" });
    const refusals: Refusal[] = [];
    const stop = watchRefusals({
      env: realEnv,
      log: server.log,
      onRefusal: (refusal) => refusals.push(refusal),
    });
    const { url, rank } = server;
    await refused({ ...rank, user: "", password: "" });
    await refused({ ...rank, password: "guess" });
    await refused({ ...other.rank, url });
    // A rank of this run outside its prefix, and where only the coordinator may speak.
    const insider = await connect({
      servers: url,
      user: rank.user,
      pass: rank.password,
    });
    const heard: string[] = [];
    await using control = await connectControl(server.coordinator, {
      name: "coordinator",
    });
    control.subscribe(
      subjectsOf("test").command(0),
      (_, subject) => heard.push(subject),
    );
    await control.flush();
    for (
      const subject of ["run.other.data.0.0", "anything", "run.test.ctl.cmd.0"]
    ) insider.publish(subject, "{}");
    insider.subscribe("run.other.>", { callback: () => {} });
    insider.subscribe("$SYS.>", { callback: () => {} });
    await insider.flush();
    await control.flush();
    await insider.close();
    deepStrictEqual(heard, []);
    await stop();
    const reasons = refusals.map(({ reason }) => reason).join("\n");
    const attempts = refusals.filter(({ reason }) =>
      /authentication error/.test(reason)
    ).reduce((sum, { count }) => sum + count, 0);
    // Control, acknowledgements and one lane of data, three times.
    strictEqual(attempts, 9, reasons);
    for (
      const subject of [
        "run.other.data.0.0",
        "anything",
        "run.test.ctl.cmd.0",
        "run.other.>",
        "$SYS.>",
      ]
    ) {
      ok(
        refusals.some(({ reason }) =>
          /Violation/.test(reason) && reason.includes(`"${subject}"`)
        ),
        `${subject} in\n${reasons}`,
      );
    }
    ok(refusals.every(({ client }) => client === "127.0.0.1"));
  });
});

Deno.test("all connections go through TLS with an own authority, and only to servers that it signed", async () => {
  await withFolder(async (folder) => {
    const make = (name: string) =>
      makeCertificates({
        env: realEnv,
        folder: `${folder}/${name}`,
        hosts: ["n1", "10.0.0.7"],
      });
    const tls = await make("tls");
    const foreign = await make("foreign");
    for (const file of [tls.key, `${folder}/tls/ca-key.pem`]) {
      strictEqual((await Deno.stat(file)).mode! & 0o777, 0o600, file);
    }
    const before = await Deno.readTextFile(tls.ca);
    await make("tls");
    strictEqual(await Deno.readTextFile(tls.ca), before, "the authority stays");

    await using server = await serverIn(folder, { tls });
    const world = await openNatsWorld([server.rank, server.rank]);
    const buffers = world.ranks.map((rank, r) =>
      rank.allocate(700_000).fill(r + 1)
    );
    const allReduce = () =>
      Promise.all(world.ranks.map((rank, r) => rank.allReduce(buffers[r]!)));
    await allReduce();
    await server.restart();
    await allReduce();
    for (const buffer of buffers) ok(buffer.every((value) => value === 6));
    await world.close();
    await using control = await connectControl(server.coordinator, {
      name: "coordinator",
      system: server.system,
    });
    await control.flush();

    const ca = await Deno.readTextFile(foreign.ca);
    await refused({ ...server.rank, ca });
    await refused({ ...server.rank, password: "guess" });
    const { ca: _, ...without } = server.rank;
    await refused(without);
    // A server that says it has no TLS may be anyone: it gets no password.
    await using plain = await serverIn(folder, { run: "plain" });
    await refused({ ...plain.rank, ca });
    strictEqual(
      /authentication error/i.test(await Deno.readTextFile(plain.log)),
      false,
    );
  });
});

Deno.test("makeCertificates() fails with exit code 3 and the way to openssl when there is none", async () => {
  await withFolder(async (folder) => {
    for (const openssl of [`${folder}/nothing`, "/bin/false"]) {
      await rejects(
        makeCertificates({ env: realEnv, folder, hosts: [], openssl }),
        (error) => {
          ok(error instanceof EnvironmentError);
          strictEqual(error.exitCode, 3);
          ok(error.hint?.includes("apt-get install -y openssl"));
          return true;
        },
      );
    }
    await rejects(
      makeCertificates({ env: realEnv, folder, hosts: ["a b"] }),
      /no host/,
    );
    strictEqual(certificatesIn(folder).ca, `${folder}/ca.pem`);
  });
});

Deno.test("train journals a stranger at its server, and goes on", async () => {
  await withTraining(teacherOnly(4000), async (process, run) => {
    const rank = await readCredentials(`${run}/nats/rank.json`);
    await refused({ ...rank, user: "eve", password: "guess" });
    await process.see(/the NATS server refused 127\.0\.0\.1: /);
    process.signal("SIGTERM");
    const { code, stderr } = await process.end;
    strictEqual(code, 75, stderr);
    const found = (await eventsOf(run)).filter(({ event }) =>
      event === "stranger"
    );
    ok(found.length > 0);
    for (const { client, reason } of found) {
      strictEqual(client, "127.0.0.1");
      match(reason as string, /authentication error - User "eve"/);
    }
  });
});

import type { Hello, Ready } from "../protocol.ts";
import { fail } from "./ending.ts";
import { LEFT_OUT } from "./losing.ts";
import { nextPhases } from "./schedule.ts";
import type { State } from "./state.ts";
import {
  answer,
  blame,
  ended,
  enter,
  journal,
  order,
  rankOf,
  type Turn,
} from "./turn.ts";

/** A rank asks for its place. */
export function onHello(turn: Turn, hello: Hello): void {
  const { state, at } = turn;
  const rank = rankOf(turn, hello.rank);
  const stayOutside = (reason: string) =>
    answer(turn, { kind: "refused", reason, outside: true });
  if (rank === undefined) {
    return stayOutside(
      `rank ${hello.rank} is not in this run of ${state.ranks.length} ranks`,
    );
  }
  if (rank.hello !== undefined) {
    const { host, pid } = rank.hello;
    if (host === hello.host && pid === hello.pid) {
      return welcome(turn, hello.rank);
    }
    return stayOutside(
      rank.lost
        ? LEFT_OUT
        : `rank ${hello.rank} is process ${pid} on ${host} already: each is started once`,
    );
  }
  if (state.stage !== "joining") {
    return stayOutside(`the run is ${state.stage}`);
  }
  const fault = faultOf(state, hello);
  rank.heard = rank.moved = rank.stepped = at;
  if (fault !== undefined) {
    const { what, hint, exitCode } = fault;
    const reason = `rank ${hello.rank} on ${hello.host} ${what}`;
    journal(turn, { event: "refused", rank: hello.rank, reason });
    answer(turn, { kind: "refused", reason });
    // The place is kept until it says itself that it ends.
    if (state.waits) return;
    return fail(turn, {
      kind: "refused",
      rank: hello.rank,
      host: hello.host,
      pid: hello.pid,
      cause: `it ${what}`,
      hint,
      exitCode,
    });
  }
  rank.hello = hello;
  const { host, pid, gpu } = hello;
  journal(turn, {
    event: "joined",
    rank: hello.rank,
    host,
    pid,
    gpu: gpu.uuid,
  });
  welcome(turn, hello.rank);
  if (!state.ranks.every((rank) => rank.hello)) return;
  enter(turn, "opening");
  // Who came first might else give up the others, who may come much later.
  for (const rank of state.ranks.keys()) order(turn, rank, { kind: "meet" });
}

/** Why a rank cannot take part. */
function faultOf(
  state: State,
  { version, config, host, gpu }: Hello,
): { what: string; hint: string; exitCode: number } | undefined {
  const other = version !== state.version
    ? `version ${version}, the coordinator ${state.version}`
    : config !== state.config
    ? `configuration ${config}, the coordinator ${state.config}`
    : undefined;
  if (other !== undefined) {
    const hint = "start all ranks from the same checkout and run folder";
    return { what: `has ${other}`, hint, exitCode: 2 };
  }
  // Processes on a CPU adapter share it by nature.
  if (gpu.kind === "cpu" || state.allowShared) return undefined;
  const twin = state.ranks.findIndex(({ hello }) =>
    hello?.host === host && hello.gpu.uuid === gpu.uuid
  );
  return twin < 0 ? undefined : {
    what: `shares GPU-${gpu.uuid} with rank ${twin} [VK-10]`,
    hint:
      "bind each rank to a GPU of its own (--gpu-bind auto), start fewer ranks a machine, or add --allow-shared",
    exitCode: 3,
  };
}

function welcome(turn: Turn, rank: number): void {
  answer(turn, { kind: "welcome", rank, size: turn.state.ranks.length });
}

/** A rank has opened its adapter and its data. */
export function onReady(turn: Turn, ready: Ready): void {
  const { state, at } = turn;
  answer(turn, { kind: "ok" });
  const rank = rankOf(turn, ready.rank);
  if (rank?.hello === undefined || rank.ready !== undefined) return;
  rank.heard = rank.moved = at;
  rank.ready = ready;
  if (ended(state)) return;
  const { adapter, form, share } = ready;
  journal(turn, { event: "ready", rank: ready.rank, adapter, form, share });
  const fault = faultOfReady(state, rank.hello, ready);
  if (fault !== undefined) {
    const { what, hint } = fault;
    return fail(turn, {
      ...blame(turn, ready.rank),
      kind: "refused",
      cause: `it ${what}`,
      hint,
      exitCode: 2,
    });
  }
  if (state.stage === "opening" && state.ranks.every((rank) => rank.ready)) {
    nextPhases(turn);
  }
}

/** Why a rank cannot train with those that were ready before. */
function faultOfReady(
  state: State,
  { gpu }: Hello,
  own: Ready,
): { what: string; hint: string } | undefined {
  const { adapter, form, data } = own;
  if (gpu.vendor !== adapter.vendor || gpu.device !== adapter.device) {
    return {
      what:
        `opened ${adapter.name}, which is not the device of its proof (GPU-${gpu.uuid}) [VK-10]`,
      hint: "--gpu-bind none with one rank a machine, and report this",
    };
  }
  const first = state.ranks.findIndex((other) => other.ready !== undefined);
  const { hello, ready } = state.ranks[first]!;
  const expected = ready!;
  if (data !== expected.data) {
    return {
      what: `has data ${data}, rank ${first} ${expected.data}`,
      hint: "give all ranks the same files",
    };
  }
  if (state.mixed) return undefined;
  const computesOn = (gpu: Hello["gpu"], { adapter, form }: Ready) =>
    `${adapter.name} (driver ${gpu.driver}, kernels ${form})`;
  const same = adapter.name === expected.adapter.name &&
    gpu.driver === hello!.gpu.driver && form === expected.form;
  return same ? undefined : {
    what: `computes on ${computesOn(gpu, own)}, rank ${first} on ${
      computesOn(hello!.gpu, expected)
    }`,
    hint:
      "give all ranks the same kind of adapter and driver, or add --mixed: images by speed, updates by one rank for all",
  };
}

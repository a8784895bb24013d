import type { Hello, Ready } from "../protocol.ts";
import { fail } from "./ending.ts";
import { nextPhase } from "./schedule.ts";
import {
  answer,
  blame,
  ended,
  enter,
  journal,
  rankOf,
  type Turn,
} from "./turn.ts";

/** A rank asks for its place. */
export function onHello(turn: Turn, hello: Hello): void {
  const { state, at } = turn;
  const rank = rankOf(turn, hello.rank);
  const refuse = (reason: string) => answer(turn, { kind: "refused", reason });
  if (rank === undefined) {
    return refuse(
      `rank ${hello.rank} is not in this run of ${state.ranks.length} ranks`,
    );
  }
  if (rank.hello !== undefined) {
    const { host, pid } = rank.hello;
    return host === hello.host && pid === hello.pid
      ? welcome(turn, hello.rank)
      : refuse(`rank ${hello.rank} is process ${pid} on ${host} already`);
  }
  if (state.stage !== "joining") return refuse(`the run is ${state.stage}`);
  const other = hello.version !== state.version
    ? `version ${hello.version}, the coordinator ${state.version}`
    : hello.config !== state.config
    ? `configuration ${hello.config}, the coordinator ${state.config}`
    : undefined;
  rank.heard = rank.moved = rank.stepped = at;
  if (other !== undefined) {
    const reason = `rank ${hello.rank} on ${hello.host} has ${other}`;
    journal(turn, { event: "refused", rank: hello.rank, reason });
    refuse(reason);
    return fail(turn, {
      kind: "refused",
      rank: hello.rank,
      host: hello.host,
      pid: hello.pid,
      cause: `it has ${other}`,
      hint: "start all ranks from the same checkout and run folder",
      exitCode: 2,
    });
  }
  rank.hello = hello;
  const { host, pid } = hello;
  journal(turn, { event: "joined", rank: hello.rank, host, pid });
  welcome(turn, hello.rank);
  if (state.ranks.every((rank) => rank.hello)) enter(turn, "opening");
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
  const { adapter, form } = ready;
  journal(turn, { event: "ready", rank: ready.rank, adapter, form });
  const first = state.ranks.findIndex((other) => other.ready !== undefined);
  const expected = state.ranks[first]!.ready!;
  const other = form !== expected.form
    ? `kernels of form ${form} (${adapter.name}), rank ${first} ${expected.form} (${expected.adapter.name})`
    : ready.data !== expected.data
    ? `data ${ready.data}, rank ${first} ${expected.data}`
    : undefined;
  if (other !== undefined) {
    return fail(turn, {
      ...blame(turn, ready.rank),
      kind: "refused",
      cause: `it has ${other}`,
      hint: "give all ranks the same kind of adapter and the same files",
      exitCode: 2,
    });
  }
  if (state.stage === "opening" && state.ranks.every((rank) => rank.ready)) {
    nextPhase(turn);
  }
}

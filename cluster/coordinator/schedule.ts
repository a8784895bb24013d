import { fail, leave } from "./ending.ts";
import {
  blame,
  enter,
  journal,
  membersOf,
  orderPhase,
  type Turn,
} from "./turn.ts";

/** Orders the first of the remaining phases, or ends the run. */
export function nextPhase(turn: Turn): void {
  const { state, at } = turn;
  const phase = state.phases[0];
  if (phase === undefined) return leave(turn, 0);
  if (state.stop !== undefined) return leave(turn, state.stop.code);
  enter(turn, "running");
  journal(turn, { event: "phase_started", phase });
  for (const index of membersOf(state)) {
    const rank = state.ranks[index]!;
    rank.stepTimes = [];
    rank.moved = rank.stepped = at;
    orderPhase(turn, index);
  }
}

/** Goes on when every rank has said how its phase ended. */
export function endPhase(turn: Turn): void {
  const { state } = turn;
  const phase = state.phases[0]!;
  const members = membersOf(state);
  const outcomes = members.map((rank) => state.ranks[rank]!.outcome);
  if (!outcomes.every((outcome) => outcome !== undefined)) return;
  const [first] = outcomes;
  const odd = outcomes.findIndex((outcome) => outcome.state !== first!.state);
  if (odd >= 0) {
    return fail(turn, {
      ...blame(turn, members[odd]!),
      kind: "refused",
      cause: `its phase is ${outcomes[odd]!.state}, rank ${members[0]}'s ${
        first!.state
      }`,
      exitCode: 1,
    });
  }
  if (first!.state === "stopped") {
    const { checkpoint } = first!;
    journal(turn, { event: "phase_stopped", phase, checkpoint });
    return leave(turn, state.stop?.code ?? 75);
  }
  journal(turn, { event: "phase_done", phase, summary: first!.summary });
  state.phases = state.phases.slice(1);
  nextPhase(turn);
}

import { planTeams, type Team } from "./rank_split.ts";
import { fail, leave } from "./ending.ts";
import {
  blame,
  enter,
  journal,
  membersOf,
  orderPhase,
  regroup,
  type Turn,
} from "./turn.ts";

/** Orders what comes next of the phases that are left, or ends the run. */
export function nextPhases(turn: Turn): void {
  const { state } = turn;
  if (state.phases.length === 0) return leave(turn, 0);
  if (state.stop !== undefined) return leave(turn, state.stop.code);
  enter(turn, "running");
  state.teams = nextTeams(turn);
  for (const team of state.teams) start(turn, team);
}

/** All ranks for the next phase, or parts of them for several. */
function nextTeams(turn: Turn): readonly Team[] {
  const { state } = turn;
  const { phases, split } = state;
  const members = membersOf(state);
  const size = members.length;
  // As it was begun, so that a resumed run ends as one that was not stopped.
  const { wish, teams: earlier = [] } = split;
  const begun = earlier.filter(({ phase, members: team }) =>
    phases.includes(phase) && team.every((rank) => members.includes(rank))
  );
  if (wish !== "never" && begun.some(({ phase }) => phase === phases[0])) {
    return begun;
  }
  const plan = planTeams({ ...split, phases, members });
  if (plan === undefined) return [{ phase: phases[0]!, members }];
  const { teams, split: { apart, together } } = plan;
  journal(turn, { event: "divided", size, teams, apart, together });
  state.split = { ...split, teams };
  return teams;
}

function start(turn: Turn, { phase, members }: Team): void {
  const { state, at } = turn;
  journal(turn, { event: "phase_started", phase });
  const apart = members.some((index) =>
    String(state.ranks[index]!.peers) !== String(members)
  );
  if (apart) {
    regroup(turn, members, `the ranks of phase ${phase} meet`);
  }
  for (const index of members) {
    const rank = state.ranks[index]!;
    rank.stepTimes = [];
    rank.moved = rank.stepped = at;
    orderPhase(turn, index);
  }
}

/** Goes on when every rank of every team has said how its phase ended. */
export function endPhases(turn: Turn): void {
  const { state } = turn;
  for (const team of state.teams) {
    endPhase(turn, team);
    if (state.stage !== "running") return;
  }
  if (state.teams.length === 0) nextPhases(turn);
}

function endPhase(turn: Turn, team: Team): void {
  const { state } = turn;
  const { phase, members } = team;
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
  state.teams = state.teams.filter((other) => other !== team);
  if (first!.state === "stopped") {
    const { checkpoint } = first!;
    journal(turn, { event: "phase_stopped", phase, checkpoint });
    state.stop ??= { code: 75, cause: `phase ${phase} stopped`, at: turn.at };
    return;
  }
  const { summary } = first!;
  journal(turn, { event: "phase_done", phase, summary });
  state.phases = state.phases.filter((other) => other !== phase);
  const { summaries } = state.split;
  state.split = {
    ...state.split,
    summaries: new Map([...summaries, [phase, summary]]),
  };
}

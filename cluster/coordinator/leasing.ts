import type { LeaseRequest } from "../protocol.ts";
import { showLife } from "./clocks.ts";
import type { RankState } from "./state.ts";
import { answer, rankOf, type Turn } from "./turn.ts";

/** A piece of work that the ranks of a generation share. */
export interface LeasedWork {
  generation: number;
  /** Number of the piece since they met. */
  work: number;
  parts: number;
  /** The first part that nobody was given. */
  next: number;
}

/** The parts that a rank was given when it asked last. */
export type Lease =
  & Pick<LeaseRequest, "generation" | "work" | "ask">
  & { first: number; end: number };

/** Where questions are dear, a lease is this share of what is worth one at least. */
const LEAST = 0.1;

/**
 * The parts that a rank takes at once: as many as are worth a question, but fewer
 * towards the end, so that nobody waits long for it.
 */
export function deal(
  { parts, next }: LeasedWork,
  { most, ranks }: { most: number; ranks: number },
): number {
  const left = parts - next;
  const least = Math.min(
    Math.ceil(LEAST * most),
    Math.ceil(parts / (4 * ranks)),
  );
  const fair = Math.min(most, Math.ceil(left / (2 * ranks)));
  return Math.min(left, Math.max(least, fair));
}

/**
 * A rank is done with its parts and asks for others. Those of a lost rank are given
 * away again in the next generation, when the ranks that are left have told each
 * other what they have.
 */
export function onLease(turn: Turn, request: LeaseRequest): void {
  const { state, at } = turn;
  const rank = rankOf(turn, request.rank);
  const { generation, work, ask, parts, most } = request;
  const known = state.leased.find((piece) => piece.generation === generation);
  if (
    rank === undefined || rank.lost || state.stage !== "running" ||
    generation !== rank.generation || work < (known?.work ?? 0)
  ) {
    // It meets the others before it works on.
    return answer(turn, { kind: "leased", first: 0, end: 0, over: true });
  }
  showLife(state, request.rank, at);
  rank.moved = at;
  // A question that is repeated has the same answer, whoever asked in between.
  if (rank.lease === undefined || isNewer(request, rank.lease)) {
    const piece = known?.work === work
      ? known
      : { generation, work, parts, next: 0 };
    const first = piece.next;
    const end = first + deal(piece, { most, ranks: rank.peers.length });
    rank.lease = { generation, work, ask, first, end };
    const others = state.leased.filter((other) =>
      other !== known &&
      state.ranks.some(({ generation }) => generation === other.generation)
    );
    state.leased = [...others, { ...piece, next: end }];
  }
  const { first, end } = rank.lease;
  const over = first === end &&
    !rank.peers.some((peer) => worksOn(state.ranks[peer]!, request));
  answer(turn, { kind: "leased", first, end, over });
}

/** Numbers rise from generation to generation, piece to piece, question to question. */
function isNewer(
  request: LeaseRequest,
  { generation, work, ask }: Lease,
): boolean {
  const steps = [
    request.generation - generation,
    request.work - work,
    request.ask - ask,
  ];
  return (steps.find((step) => step !== 0) ?? 0) > 0;
}

/** Whether a rank was given parts of a piece and has not asked again. */
function worksOn(
  { lease }: RankState,
  { generation, work }: LeaseRequest,
): boolean {
  return lease?.generation === generation && lease.work === work &&
    lease.first < lease.end;
}

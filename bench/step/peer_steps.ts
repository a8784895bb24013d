import { realEnv } from "../../src/env/mod.ts";
import type { Device } from "../../src/gpu/mod.ts";
import type { Contestant, Sample } from "../common/measure.ts";
import type { OpenPeers } from "../peers/open_peers.ts";
import type { Peer, PeerName } from "../peers/peer.ts";
import { parametersOf, type StepModel } from "./models.ts";
import { OurStep } from "./our_step.ts";
import { stepProblem, writeProblem } from "./step_problem.ts";

/** A peer that does the same work, ready to be timed. */
export interface PeerStep extends Contestant {
  readonly name: PeerName;
  /** Images of its step. */
  readonly batch: number;
  /** Further facts for the JSON. */
  readonly facts: Record<string, unknown>;
}

export interface PeerStepOptions {
  readonly peers: OpenPeers;
  /** Longest wait for compilation and two steps. */
  readonly seconds: number;
  /** Batches of peers that are not to do the whole one. */
  readonly batches: ReadonlyMap<string, number>;
  /** Ours at the first two steps. */
  readonly losses: readonly number[];
  readonly device: Device;
  log(line: string): void;
}

/** Losses differ by rounding only: the second is after a whole update. */
const LOSS_TOLERANCE = 2e-3;

/**
 * Gives every peer our weights and our batch, and keeps those whose number of
 * parameters and whose losses before and after one update are ours. One that
 * cannot do the whole batch in time gets a quarter of it.
 */
export async function peerSteps(
  model: StepModel,
  options: PeerStepOptions,
): Promise<PeerStep[]> {
  const { peers, log } = options;
  await realEnv.disk.makeFolder(FOLDER);
  const steps: PeerStep[] = [];
  try {
    for (const peer of peers.list) {
      const batch = options.batches.get(peer.name) ?? model.batch;
      const first = await openAt(model, batch, peer, options);
      if (first !== undefined) {
        steps.push(first);
        continue;
      }
      if (batch < 8) continue;
      const quarter = Math.floor(batch / 4);
      const again = await peers.restart(peer.name as PeerName);
      if (again === undefined) continue;
      log(`${peer.name}: again with batch ${quarter}`);
      const part = await openAt(model, quarter, again, options);
      if (part !== undefined) steps.push(part);
    }
  } finally {
    await realEnv.disk.remove(FOLDER);
  }
  return steps;
}

const FOLDER = `${Deno.env.get("TMPDIR") ?? "/tmp"}/signet-bench-${Deno.pid}`;

/** The peer at a batch, compared with our losses at that batch. */
async function openAt(
  model: StepModel,
  batch: number,
  peer: Peer,
  options: PeerStepOptions,
): Promise<PeerStep | undefined> {
  if (batch === model.batch) {
    return await openPeer(model, peer, options, options.losses);
  }
  const smaller = { ...model, batch };
  const losses = await ourLosses(options.device, smaller);
  return await openPeer(smaller, peer, options, losses);
}

async function openPeer(
  model: StepModel,
  peer: Peer,
  { peers, seconds, log }: PeerStepOptions,
  losses: readonly number[],
): Promise<PeerStep | undefined> {
  const path = `${FOLDER}/${model.shape}-b${model.batch}`;
  await writeProblem(path, model, stepProblem(model, "f32"));
  const reply = await peers.ask(peer, { do: "open", problem: path }, seconds);
  if (reply === undefined) return undefined;
  const theirs = reply.losses as number[];
  const parameters = parametersOf(model);
  const same = reply.parameters === parameters &&
    losses.every((loss, i) =>
      Math.abs(theirs[i]! - loss) <= LOSS_TOLERANCE * Math.abs(loss)
    );
  if (!same) {
    await peers.exclude(
      peer,
      `it does other work: ${reply.parameters} parameters and losses ${theirs}, ours ${parameters} and ${losses}`,
    );
    return undefined;
  }
  const firstMs = Number(reply.firstMs);
  log(
    `${peer.name}: ${parameters} parameters, losses ${
      theirs.map((loss) => loss.toFixed(5)).join(" ")
    } as ours; first step ${(firstMs / 1000).toFixed(1)} s`,
  );
  return {
    name: peer.name as PeerName,
    batch: model.batch,
    facts: {
      parameters,
      losses: theirs,
      first_step_ms: firstMs,
      ...peer.about,
    },
    run: async () =>
      await peer.request({ do: "step" }, seconds) as unknown as Sample,
  };
}

/** Our losses at the first two steps of a model. */
async function ourLosses(
  device: Device,
  model: StepModel,
): Promise<number[]> {
  using step = await OurStep.open(device, model, stepProblem(model, "f32"));
  return [(await step.run()).loss, (await step.run()).loss];
}

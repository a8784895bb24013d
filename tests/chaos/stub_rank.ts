import { realEnv } from "../../src/env/mod.ts";
import { LinkCommunicator } from "../../cluster/communicator/mod.ts";
import {
  connectControl,
  type Control,
  type Credentials,
  openNatsLink,
  runHash,
} from "../../cluster/links/mod.ts";
import { heartbeatOf } from "../../cluster/life_words.ts";
import {
  HEARTBEAT_MS,
  type Subjects,
  subjectsOf,
} from "../../cluster/protocol.ts";
import { Life } from "../../cluster/rank/life.ts";
import { Orders } from "../../cluster/rank/orders.ts";
import { Reporter } from "../../cluster/rank/reporter.ts";

/** Id of the run that the ranks are of. */
export const RUN = "large";
const subjects: Subjects = subjectsOf(RUN);
/** Longest wait for what one thread does for all ranks, in ms. */
export const PATIENCE_MS = 600_000;
const never = new AbortController().signal;

/** Floats that a step sums. */
const ELEMENTS = 10_000;

/** A rank as it is, but for its GPU, and in the thread of all others. */
export class StubRank {
  readonly rank: number;
  right = true;
  /** Those that it sums with. */
  #members: readonly number[];
  #generation = 1;
  #regrouped: { size: number; resolve: () => void } | undefined;
  readonly #credentials: Credentials;
  readonly #control: Control;
  readonly #reporter: Reporter;
  readonly #orders: Orders;
  #communicator: LinkCommunicator;
  readonly #life = new Life();
  readonly #stopBeating: () => void;
  #values: Float32Array<SharedArrayBuffer>;
  #closed: Promise<void> | undefined;

  private constructor(
    rank: number,
    size: number,
    { credentials, control, communicator }: {
      credentials: Credentials;
      control: Control;
      communicator: LinkCommunicator;
    },
  ) {
    this.rank = rank;
    this.#members = Array.from({ length: size }, (_, rank) => rank);
    this.#credentials = credentials;
    this.#control = control;
    this.#communicator = communicator;
    this.#values = communicator.allocate(ELEMENTS);
    this.#reporter = new Reporter(realEnv, control, subjects);
    this.#orders = new Orders(control, subjects.command(rank), {
      life: this.#life,
      onRegroup: ({ members, generation }) => {
        this.#members = members;
        this.#generation = generation;
        if (members.length === this.#regrouped?.size) {
          this.#regrouped.resolve();
        }
      },
      onAbort: () => this.close(),
    });
    const { connection } = control;
    const beat = () =>
      control.publish(
        subjects.heartbeat,
        heartbeatOf(this.#life.words, { rank, connection }),
      );
    beat();
    this.#stopBeating = realEnv.timers.every(HEARTBEAT_MS, beat);
  }

  static async open(
    credentials: Credentials,
    rank: number,
    size: number,
  ): Promise<StubRank> {
    const [control, communicator] = await Promise.all([
      connectControl(credentials, { name: `rank-${rank}` }),
      openCommunicator(credentials, { name: rank, place: rank, size }),
    ]);
    return new StubRank(rank, size, { credentials, control, communicator });
  }

  /** Hello, the order to meet, the first collective, ready, and the order of the phase. */
  async join(): Promise<void> {
    await this.#control.flush();
    const { rank } = this;
    await this.#reporter.report({
      kind: "hello",
      rank,
      host: `node-${Math.floor(3 * rank / this.#members.length)}`,
      pid: rank + 1,
      gpu: {
        kind: "discrete",
        uuid: `00000000-0000-0000-0000-${`${rank}`.padStart(12, "0")}`,
        vendor: 0,
        device: 0,
        driver: "00000000-0000-0000-0000-000000000000",
      },
      deno: "stub",
      version: "v",
      config: "c",
    }, never);
    await this.#orders.next();
    await this.#communicator.barrier();
    await this.#reporter.report({
      kind: "ready",
      rank,
      adapter: { name: "stub", vendor: 0, device: 0, cpu: true },
      form: "register",
      data: "d",
      share: 1,
    }, never);
    await this.#orders.next();
    this.#life.startPhase("teacher");
  }

  async step(step: number): Promise<void> {
    this.#values.fill(this.rank + step);
    await this.#communicator.allReduce(this.#values);
    this.#life.onStep(step + 1);
    const expected = this.#members.reduce((sum, rank) => sum + rank + step, 0);
    this.right &&= this.#values.every((value) => value === expected);
  }

  /** Resolves when the coordinator has left so many members. */
  regrouped(size: number): Promise<void> {
    if (this.#members.length === size) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#regrouped = { size, resolve };
    return promise;
  }

  /** Meets the members that are left. */
  async rejoin(): Promise<void> {
    await this.#communicator.close();
    this.#life.regroup();
    this.#communicator = await openCommunicator(this.#credentials, {
      name: this.rank,
      place: this.#members.indexOf(this.rank),
      size: this.#members.length,
      generation: this.#generation,
    });
    this.#values = this.#communicator.allocate(ELEMENTS);
    await this.#communicator.barrier();
  }

  /** Says that the phase is done and goes when it is told to. */
  async leave(): Promise<void> {
    await this.#reporter.report({
      kind: "outcome",
      rank: this.rank,
      command: 2,
      phase: "teacher",
      outcome: { state: "done", summary: {} },
      generation: this.#generation,
    }, never);
    while ((await this.#orders.next()).order.kind !== "leave");
    await this.close();
  }

  /** Gone without a word, as when its machine loses power. */
  close(): Promise<void> {
    this.#stopBeating();
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    await Promise.all([this.#communicator.close(), this.#control.close()]);
  }
}

async function openCommunicator(
  credentials: Credentials,
  { name, place, size, generation = 1 }: {
    name: number;
    place: number;
    size: number;
    generation?: number;
  },
): Promise<LinkCommunicator> {
  return new LinkCommunicator({
    link: await openNatsLink(credentials, {
      rank: place,
      size,
      name: `rank-${name}-data`,
      subject: (to, lane) => subjects.data(to, lane, generation),
    }),
    world: { run: runHash(RUN), generation },
    env: realEnv,
    warnAfterMs: 60_000,
    deadlineMs: PATIENCE_MS,
    onWarning: () => {},
  });
}

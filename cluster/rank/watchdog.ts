import type { Env } from "../../src/env/mod.ts";
import type { Messenger } from "../links/mod.ts";
import {
  accept,
  coordinatorLostMs,
  DEAD_AFTER_MS,
  pulse,
  type Subjects,
} from "../protocol.ts";

const CHECK_MS = 1000;

/** Sees whether the coordinator lives. */
export interface Watchdog {
  /** The longest silence of the coordinator, in ms; what is usual at first. */
  patienceMs: number;
}

/** Calls `onLost` when the coordinator has been silent for too long. */
export function watchCoordinator(
  env: Pick<Env, "clock" | "timers">,
  messenger: Pick<Messenger, "subscribe">,
  { subjects, onLost }: {
    subjects: Subjects;
    onLost: (silenceMs: number) => void;
  },
): Watchdog {
  const watchdog = { patienceMs: coordinatorLostMs(DEAD_AFTER_MS) };
  let heard = env.clock.now();
  let checked = heard;
  messenger.subscribe(subjects.pulse, (message) => {
    if (accept(pulse, message)) heard = env.clock.now();
  });
  const stop = env.timers.every(CHECK_MS, () => {
    const now = env.clock.now();
    // This thread was held up by the GPU, and with it the reading of pulses.
    if (now - checked > 2 * CHECK_MS) heard += now - checked;
    checked = now;
    if (now - heard <= watchdog.patienceMs) return;
    stop();
    onLost(now - heard);
  });
  return watchdog;
}

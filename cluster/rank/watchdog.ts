import type { Env } from "../../src/env/mod.ts";
import type { Messenger } from "../links/mod.ts";
import {
  accept,
  COORDINATOR_LOST_MS,
  pulse,
  type Subjects,
} from "../protocol.ts";

const CHECK_MS = 1000;

/** Calls `onLost` when the coordinator has been silent for too long. */
export function watchCoordinator(
  env: Env,
  messenger: Messenger,
  { subjects, onLost }: { subjects: Subjects; onLost: () => void },
): void {
  let heard = env.clock.now();
  let checked = heard;
  messenger.subscribe(subjects.pulse, (message) => {
    if (accept(pulse, message)) heard = env.clock.now();
  });
  env.timers.every(CHECK_MS, () => {
    const now = env.clock.now();
    // This thread was held up by the GPU, and with it the reading of pulses.
    if (now - checked > 2 * CHECK_MS) heard += now - checked;
    checked = now;
    if (now - heard > COORDINATOR_LOST_MS) onLost();
  });
}

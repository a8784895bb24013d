import type { Tensor } from "../gpu/mod.ts";
import { relationalAngle, relationalDistance, scaleBy } from "../ops/mod.ts";
import type { StepProgram } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { DistillSchedule } from "./distill_schedule.ts";
import { GradientSum, recordSum } from "./losses.ts";
import type { Teaching } from "./teaching.ts";

/**
 * Records the relational losses on the features of all ranks, a mean over the
 * teachers, and the gradient for this rank's own rows, whose part of the losses it
 * counts.
 */
export function recordRelational(
  { config, communicator, division }: Context,
  { step, teachings, schedule, students, teachers, output }: {
    step: StepProgram;
    teachings: readonly Teaching[];
    schedule: DistillSchedule;
    /** Features of this rank's images, `[rows, dim]`. */
    students: Tensor;
    /** Those of each teacher that runs in the step. */
    teachers: readonly (Tensor | undefined)[];
    /** As `students`. */
    output: Tensor;
  },
): void {
  const { program } = step;
  const { rank } = communicator;
  const offsets = division.offsets(config.globalBatch);
  const live = teachings.flatMap(({ allFeatures }, i) => {
    const own = teachers[i];
    return allFeatures === undefined && own !== undefined ? [own] : [];
  });
  const [studentRows, ...gathered] = step.gather([students, ...live], offsets);
  if (studentRows === undefined) throw new Error("Cannot gather no features");
  const teacherRows = teachings.map(({ allFeatures }) =>
    allFeatures ?? gathered.shift()!
  );
  const own = step.distributed
    ? { first: offsets[rank]!, count: output.shape[0]! }
    : undefined;
  const sum = new GradientSum(output);
  for (
    const [name, op] of [
      ["relationalDistance", relationalDistance],
      ["relationalAngle", relationalAngle],
    ] as const
  ) {
    const scale = schedule.scale(name);
    if (scale === 0) continue;
    const factor = schedule.factor(name);
    const share = 1 / teacherRows.length;
    const total = new GradientSum(program.scratch([1]));
    const loss = program.scratch([1]);
    for (const teacher of teacherRows) {
      const target = factor ? program.scratch(output.shape) : sum.tensor;
      op(program, {
        student: studentRows,
        teacher,
        loss,
        dStudent: target,
        own,
        scale: scale * share,
        accumulate: factor ? false : sum.next(),
      });
      if (factor) {
        scaleBy(program, {
          input: target,
          output: sum.tensor,
          factor,
          accumulate: sum.next(),
        });
        program.release(target);
      }
      scaleBy(program, {
        input: loss,
        output: total.tensor,
        scale: share,
        factor,
        accumulate: total.next(),
      });
    }
    recordSum(step, total.tensor, name, 1);
    program.release(loss, total.tensor);
  }
  if (step.distributed) program.release(studentRows);
}

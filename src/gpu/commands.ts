import { encodeTextureCopy, type TextureCopy } from "./texture_pool.ts";

export interface DispatchCommand {
  readonly kind: "dispatch";
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly grid: readonly [number, number, number];
  readonly label: string;
  readonly flops: number;
  readonly bytes: number;
}

export interface CopyCommand {
  readonly kind: "copy";
  readonly from: GPUBuffer;
  readonly fromOffset: number;
  readonly to: GPUBuffer;
  readonly toOffset: number;
  readonly size: number;
}

export type Command = DispatchCommand | CopyCommand | TextureCopy;

/** Commands under one label, timed together. */
export class Section {
  readonly label: string;
  readonly commands: Command[] = [];
  /** Runs of commands of one kind: neighbouring dispatches share a pass. */
  #groups: Command[][] | undefined;

  constructor(label: string) {
    this.label = label;
  }

  push(command: Command): void {
    this.commands.push(command);
    this.#groups = undefined;
  }

  /** Copies alone have no pass, so no timestamps. */
  get dispatches(): boolean {
    return this.commands.some(({ kind }) => kind === "dispatch");
  }

  /** Puts the commands into an encoder; `timing` names the first of two queries. */
  encode(
    encoder: GPUCommandEncoder,
    timing: { querySet: GPUQuerySet; query: number } | undefined,
  ): void {
    const groups = this.#groups ??= groupByKind(this.commands);
    const first = groups.findIndex(([command]) => command!.kind === "dispatch");
    const last = groups.findLastIndex(([command]) =>
      command!.kind === "dispatch"
    );
    groups.forEach((group, i) => {
      if (group[0]!.kind !== "dispatch") {
        for (const command of group) encodeCopy(encoder, command);
        return;
      }
      const pass = encoder.beginComputePass(
        timing === undefined || (i !== first && i !== last) ? {} : {
          timestampWrites: {
            querySet: timing.querySet,
            ...(i === first ? { beginningOfPassWriteIndex: timing.query } : {}),
            ...(i === last ? { endOfPassWriteIndex: timing.query + 1 } : {}),
          },
        },
      );
      for (const command of group) {
        if (command.kind !== "dispatch") continue;
        pass.setPipeline(command.pipeline);
        pass.setBindGroup(0, command.bindings);
        pass.dispatchWorkgroups(...command.grid);
      }
      pass.end();
    });
  }
}

function groupByKind(commands: readonly Command[]): Command[][] {
  const groups: Command[][] = [];
  for (const command of commands) {
    const last = groups[groups.length - 1];
    if (last?.[0]?.kind === command.kind) last.push(command);
    else groups.push([command]);
  }
  return groups;
}

function encodeCopy(encoder: GPUCommandEncoder, command: Command): void {
  if (command.kind === "texture") encodeTextureCopy(encoder, command);
  if (command.kind !== "copy") return;
  encoder.copyBufferToBuffer(
    command.from,
    command.fromOffset,
    command.to,
    command.toOffset,
    command.size,
  );
}

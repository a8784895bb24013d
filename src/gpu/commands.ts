import type { Timings } from "./timings.ts";
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

  /** Puts the commands into an encoder, with the timestamps that are asked for. */
  encode(encoder: GPUCommandEncoder, timings: Timings | undefined): void {
    const groups = this.#groups ??= groupByKind(this.commands);
    const own = timings?.of(this);
    const first = groups.findIndex(([command]) => command!.kind === "dispatch");
    const last = groups.findLastIndex(([command]) =>
      command!.kind === "dispatch"
    );
    groups.forEach((group, i) => {
      if (group[0]!.kind !== "dispatch") {
        for (const command of group) encodeCopy(encoder, command);
        return;
      }
      const dispatches = group as DispatchCommand[];
      if (timings?.of(dispatches[0]!) !== undefined) {
        for (const command of dispatches) {
          const place = timings.of(command)!;
          encodePass(encoder, [command], {
            querySet: place.querySet,
            beginningOfPassWriteIndex: place.query,
            endOfPassWriteIndex: place.query + 1,
          });
        }
        return;
      }
      encodePass(
        encoder,
        dispatches,
        own === undefined || (i !== first && i !== last) ? undefined : {
          querySet: own.querySet,
          ...(i === first ? { beginningOfPassWriteIndex: own.query } : {}),
          ...(i === last ? { endOfPassWriteIndex: own.query + 1 } : {}),
        },
      );
    });
  }
}

function encodePass(
  encoder: GPUCommandEncoder,
  dispatches: readonly DispatchCommand[],
  timestampWrites: GPUComputePassTimestampWrites | undefined,
): void {
  const pass = encoder.beginComputePass(
    timestampWrites === undefined ? {} : { timestampWrites },
  );
  for (const { pipeline, bindings, grid } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindings);
    pass.dispatchWorkgroups(...grid);
  }
  pass.end();
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

import type { Tone } from "./line_chart.ts";

const TITLES: Record<string, string> = {
  teacher: "Teacher",
  teacher2: "Second teacher",
  teacher3: "Third teacher",
  teacher4: "Fourth teacher",
  distill: "Distilled student",
  classify: "ST-Class",
  selfTrain: "SSL-ST-Class",
  baseline: "Labelled-only baseline",
};

const TONES: Record<string, Tone> = {
  teacher: "purple",
  teacher2: "purple",
  teacher3: "purple",
  teacher4: "purple",
  distill: "sky",
  classify: "blue",
  selfTrain: "green",
};

/** What people call a phase. */
export function titleOf(phase: string): string {
  return Object.hasOwn(TITLES, phase) ? TITLES[phase]! : phase;
}

export function toneOf(phase: string): Tone {
  return Object.hasOwn(TONES, phase) ? TONES[phase]! : "gray";
}

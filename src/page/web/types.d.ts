// What page and program say to each other, for the type checker and for readers. Nothing here is shipped.

/** What of a run is drawn. */
export interface View {
  from?: string; until?: string; hosts?: string[]; layers?: string[]; packets?: boolean; fold?: boolean;
}
/** What makes a run what it is. Only what differs from the scenario's defaults is in `set`, as it was typed. */
export interface Inputs { set: Record<string, string>; seed: number; faults: string | null; }

export interface SweepOf { vary: [string, string][]; measures: string[]; seeds: number; }
export interface NumberOf { name: string; precision?: number; none?: string; }

/** A run, or a sweep, wanted as pieces of a page. */
export interface RunRequest {
  scenario: string; set?: Record<string, string>; seed?: number; faults?: string | null; view?: View;
  parts?: string[]; numbers?: NumberOf[]; goal?: string; id?: string; up?: string; ledger?: string | null;
  sweep?: SweepOf; slice?: [number, number]; kept?: unknown[]; take?: string;
  complete?: { script: string; cursor: number };
}
export type Request = RunRequest | { list: true } | { args: string[] };

export interface Measure { name: string; label?: string; value: number | null; text: string; }
export interface Claim { id: string; statement: string; holds: boolean; }
export interface Answer {
  error?: string;
  command?: string; changed?: [string, string][]; parts?: Record<string, string>; measures?: Measure[]; claims?: Claim[];
  numbers?: string[]; goal?: { text: string; met: boolean }[]; ended_s?: number;
  kept?: unknown[]; runs?: number;
  scenarios?: Scenario[];
  name?: string; text?: string; base64?: string;
  from?: number; words?: string[];
  status?: number | null; stdout?: string; stderr?: string;
}
/** The answer to `complete`, whose `error` is not a failure but a place in the script. */
export interface Completion { from: number; words: string[]; error: { at: number; message: string } | null; }

/** A parameter, as the program declares it. */
export interface Declaration {
  name: string; label?: string; unit: string; default: string; min: string | null; max: string | null;
  choices?: string[]; help: string; scale?: "log" | "linear" | null;
}
export interface Scenario { scenario: string; question: string; parameters: Declaration[]; }

/** `live/build.json`: how this book can be answered. */
export interface Build { module: string | null; why: string | null; native: boolean; }

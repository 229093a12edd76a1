/** Trying again what may be done twice. */

/** Told before each wait. */
export interface Retried {
  /** Name of the host; null: it is about none. */
  readonly host: string | null;
  readonly why: string;
  readonly afterMs: number;
}
export type OnRetry = (retried: Retried) => void;

export const tellNobody: OnRetry = () => undefined;

/** Somewhere between half of it and all: many that failed in the same moment do not come again in the same moment. */
export const jittered = (milliseconds: number): number => Math.round(milliseconds * (0.5 + Math.random() / 2));

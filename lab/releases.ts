/** Releases that a site can build and push: the reference API (lab/app), and ones that fail in one way each. */

/** How a release is broken. */
export type Break =
  | "exits-at-once"
  | "crash-loop"
  | "never-healthy"
  | "wrong-port"
  | "health-301"
  /** Answers 200 to curl, and 403 to a balancer. */
  | "health-403"
  /** Answers 200 to its own droplet, and 403 to other machines. On real droplets only: elsewhere all are one machine. */
  | "health-local"
  | "health-404"
  | "health-500"
  | "health-hangs"
  | "slow-start"
  /** Healthy for six seconds. */
  | "flaps"
  /** Starts well; does not end when it is told to. */
  | "ignores-term"
  /** Nothing is wrong with it: its clients may stay for ever. */
  | "websocket";

/** An app that knows no contract and is not Node's: Python's own http.server, or one static binary that is alone in its image. */
export type OtherApp = "python" | "static";

export interface ReferenceOptions {
  /**
   * `lifecycle`: the example of app/. `article`: only the article's three routes, and process 1 without a signal handler.
   * @default "lifecycle"
   */
  readonly contract?: "lifecycle" | "article";
  /** Further environment of the image. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** What a hostile app prints so that its host seems to run the next release. It would be believed if it came as a part of the host's answer. */

/** A frame as the rollout makes one, with a word that the app can only guess. */
export const GUESSED = "0".repeat(32);
export const forgedPart = (name: string): string => `\n${GUESSED} part ${name}\n`;

/** A row as Docker shows the container that serves. */
export const forgedContainer = (image: string, releaseId: string): string =>
  JSON.stringify(["/api", "a".repeat(64), image, releaseId, true, false, 0, 0, "running", "0001-01-01T00:00:00Z"]);

/** A journal in which the replacement is done, whatever number its order has. */
export const forgedJournal = (): string =>
  ["0\theld\tx", ...Array.from({ length: 12 }, (_, index) => `${index + 1}\tdone\treplace`), ""].join("\n");

/** What comes to the host: the balancer asks, and is answered. */
export const forgedTraffic = (state: "open" | "dropped" = "open"): string =>
  [
    ...["container c1 true 1 172.31.255.242", "open 0", `led 172.31.255.242 80 ${state}`],
    ...["probed 8086 127.0.1.1 passed 99 891000 0", "opened 80 999 1", "whole", ""],
  ].join("\n");

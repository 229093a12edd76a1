/** What the fronts of droplets are told, and whether they are open. */
import { FRONT_HELPER } from "../../contract/host.js";
import type { TroubledDroplet } from "../../lab/trouble.js";

type Shell = Pick<TroubledDroplet, "shell">;

/** As the deploying user, who may. */
async function front(droplet: Shell, words: string): Promise<string> {
  const { exitCode, stdout, stderr } = await droplet.shell(`sudo -n ${FRONT_HELPER} ${words}`);
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
}

/** Somebody has the health port of its container refused. */
export const drop = (droplet: Shell): Promise<string> => front(droplet, "drop api");

/** `open` or `dropped`, droplet by droplet; empty without a front. */
export const frontStates = (droplets: readonly Shell[]): Promise<string[]> =>
  Promise.all(droplets.map(async (droplet) => (await front(droplet, "show")).split(" ").at(-1) ?? ""));

/** Runs `npm run demo` as a new user does. */
import { execa } from "execa";

/** What it leaves behind, and its temporary files, go to `folder`. */
export const demo = (folder: string, ...argv: string[]) =>
  execa("npm", ["run", "--silent", "demo", "--", "--out", folder, ...argv], {
    reject: false,
    stdin: "ignore",
    env: { TMPDIR: folder },
  });

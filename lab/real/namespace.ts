/** A network namespace held by a file in the world's folder: it is gone with the file's mount, and nothing is left elsewhere. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Claim } from "./claim.js";

/** The reaper looks for processes in what is held here. */
const FOLDER = "net";

/** Gives back the file. @throws Error when there is one of that name */
export async function createNamespace(claim: Claim, name: string): Promise<string> {
  const file = path.join(claim.folder, FOLDER, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, "", { flag: "wx" });
  await claim.run(["unshare", `--net=${file}`, "true"]);
  return file;
}

/** It lives on for as long as a process is in it. */
export async function removeNamespace(claim: Claim, file: string): Promise<void> {
  await claim.run(["umount", file]);
  await rm(file);
}

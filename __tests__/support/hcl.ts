/** Terraform's own language read back into JSON, by HashiCorp's parser. */
import { execFileSync } from "node:child_process";
import { projectFile } from "./stacks.js";

/** In a process of its own: the parser is Go, which does not end in the process that it was started in. */
const READER = `
  const { parse } = require("@cdktf/hcl2json");
  const chunks = [];
  process.stdin.on("data", (chunk) => chunks.push(chunk)).on("end", async () => {
    const json = await parse("cdk.tf", Buffer.concat(chunks).toString());
    process.stdout.write(JSON.stringify(json), () => process.exit(0));
  });
`;

/** Every block is a list of one or more, as the language has it. */
export const readHcl = (text: string): Record<string, unknown> =>
  JSON.parse(
    execFileSync(process.execPath, ["-e", READER], { input: text, encoding: "utf8", cwd: projectFile(".") }),
  ) as Record<string, unknown>;

/** The same form for what was written as JSON and what was read back: a list of one block is that block, names are texts. */
export function alike(value: unknown): unknown {
  if (typeof value === "string") return /^\$\{[a-z_]+(\.[a-zA-Z0-9_-]+)?\}$/.test(value) ? value.slice(2, -1) : value;
  if (Array.isArray(value)) {
    const all = value.map(alike);
    return all.length === 1 && typeof all[0] === "object" && all[0] !== null ? all[0] : all;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([name, each]) => name !== "//" && each !== undefined);
  return Object.fromEntries(entries.map(([name, each]) => [name, alike(each)]));
}

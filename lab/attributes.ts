/** What references of a stack stand for, after its resources were declared. */
import type { Attributes } from "./declare.js";
import type { Lookup } from "./references.js";
import type { Stack } from "./stack.js";

export interface Known {
  readonly stack: Stack;
  /** By type and name of the block, such as "digitalocean_vpc.network". */
  readonly attributes: ReadonlyMap<string, Attributes>;
  /** Terraform's variables that are given with `--var`. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Answers plain references; the error for an unknown one names it. */
export function lookupIn(known: Known): Lookup {
  return (reference) => {
    const [type = "", name = "", attribute] = reference.split(".");
    const value =
      attribute === undefined ? simple(known, type, name) : known.attributes.get(`${type}.${name}`)?.[attribute];
    if (value === undefined) throw new Error(`the lab does not know \${${reference}}`);
    return value;
  };
}

function simple({ stack, variables }: Known, type: string, name: string): string | undefined {
  // Terraform runs in the stack's folder.
  if (type === "path") return name === "module" ? "." : undefined;
  if (type !== "var") return undefined;
  const declared = stack.variable[name];
  return declared && (variables[name] ?? text(declared.default));
}

const text = (value: unknown): string | undefined =>
  ["string", "number", "boolean"].includes(typeof value) ? String(value) : undefined;

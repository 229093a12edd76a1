/**
 * Checks synthesized JSON against provider schemas, as `terraform validate` would with the providers at hand: unknown and
 * missing attributes, attributes that only the provider sets, types, nesting and number of blocks, references.
 */
import { readFileSync } from "node:fs";

type Type = string | [string, Type | Record<string, Type>];
interface Attribute {
  readonly type: Type;
  readonly required?: boolean;
  readonly optional?: boolean;
  readonly computed?: boolean;
  readonly deprecated?: boolean;
}
interface BlockType {
  readonly nesting_mode: string;
  readonly block: Block;
  readonly min_items?: number;
  readonly max_items?: number;
}
interface Block {
  readonly attributes?: Record<string, Attribute>;
  readonly block_types?: Record<string, BlockType>;
}
interface ProviderSchema {
  readonly provider?: { readonly block: Block };
  readonly resource_schemas: Record<string, { readonly block: Block }>;
}
type Value = Record<string, unknown>;

/** The part of a synthesized stack that tests look at. */
export interface Synthesized {
  readonly terraform: {
    readonly required_providers: Record<string, { readonly source: string; readonly version: string }>;
  } & Value;
  readonly provider: Record<string, readonly Value[]>;
  readonly resource: Record<string, Record<string, Value>>;
  readonly output: Record<string, { readonly value: unknown; readonly description: string }>;
  readonly variable: Record<string, Value>;
}

export type Schemas = Record<string, ProviderSchema>;

/** As `terraform providers schema -json` prints them. */
export const readSchemas = (path: string): Schemas =>
  (JSON.parse(readFileSync(path, "utf8")) as { provider_schemas: Schemas }).provider_schemas;

/** What Terraform itself takes in every resource. */
const META_ARGUMENTS = new Set([
  "depends_on",
  "lifecycle",
  "provisioner",
  "provider",
  "count",
  "for_each",
  "connection",
]);

/** One line a fault; none when all is well. */
export function schemaFaults(stack: Synthesized, schemas: Schemas): string[] {
  const schemaOf = (provider: string): ProviderSchema | undefined => {
    const source = stack.terraform.required_providers[provider]?.source;
    if (source === undefined) return undefined;
    const address = source.includes("/") ? source : `hashicorp/${source}`;
    return Object.entries(schemas).find(([host]) => host.endsWith(`/${address}`))?.[1];
  };
  const resources = Object.entries(stack.resource).flatMap(([type, byName]) => {
    // Built into Terraform.
    if (type === "terraform_data") return [];
    const block = schemaOf(type.slice(0, type.indexOf("_")))?.resource_schemas[type]?.block;
    if (!block) return [`${type}: not a known resource`];
    return Object.entries(byName).flatMap(([name, value]) => blockFaults(`${type}.${name}`, block, value, true));
  });
  const providers = Object.entries(stack.provider).flatMap(([name, values]) => {
    const schema = schemaOf(name);
    if (!schema) return [`provider.${name}: not a known provider`];
    return values.flatMap((value) => blockFaults(`provider.${name}`, schema.provider?.block ?? {}, value, false));
  });
  return [...resources, ...providers, ...referenceFaults(stack, schemaOf)];
}

function blockFaults(
  where: string,
  { attributes = {}, block_types: blocks = {} }: Block,
  value: Value,
  top: boolean,
): string[] {
  const given = Object.keys(value).filter((key) => !(top && META_ARGUMENTS.has(key)));
  const unknown = given.filter((key) => !(key in attributes) && !(key in blocks));
  return [
    ...unknown.map((key) => `${where}.${key}: not in the schema`),
    ...Object.entries(attributes).flatMap(([key, attribute]) =>
      attributeFaults(`${where}.${key}`, attribute, value[key]),
    ),
    ...Object.entries(blocks).flatMap(([key, type]) => nestedFaults(`${where}.${key}`, type, value[key])),
  ];
}

function attributeFaults(where: string, attribute: Attribute, value: unknown): string[] {
  if (value === undefined) return attribute.required ? [`${where}: required, but missing`] : [];
  if (!attribute.required && !attribute.optional) return [`${where}: only the provider sets it`];
  if (attribute.deprecated) return [`${where}: deprecated`];
  return fits(attribute.type, value)
    ? []
    : [`${where}: ${JSON.stringify(value)} is not ${JSON.stringify(attribute.type)}`];
}

const isObject = (value: unknown): value is Value =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isExpression = (value: unknown): boolean => typeof value === "string" && /^\$\{[^}]*\}$/.test(value);

/** Stricter than Terraform, which would turn a number into a text and back. */
function fits(type: Type, value: unknown): boolean {
  if (isExpression(value)) return true;
  if (type === "string") return typeof value === "string";
  if (type === "number") return typeof value === "number" && Number.isFinite(value);
  if (type === "bool") return typeof value === "boolean";
  const [kind, element] = type as [string, Type];
  if (kind === "list" || kind === "set") return Array.isArray(value) && value.every((entry) => fits(element, entry));
  if (kind === "map") return isObject(value) && Object.values(value).every((entry) => fits(element, entry));
  throw new Error(`the checker does not know the type ${JSON.stringify(type)}`);
}

function nestedFaults(where: string, type: BlockType, value: unknown): string[] {
  const values = value === undefined ? [] : Array.isArray(value) ? (value as unknown[]) : [value];
  if (type.nesting_mode === "single" && Array.isArray(value)) return [`${where}: a list where one block is needed`];
  const { min_items: least = 0, max_items: most = Infinity } = type;
  if (values.length < least) return [`${where}: ${values.length} blocks, needs at least ${least}`];
  if (values.length > most) return [`${where}: ${values.length} blocks, at most ${most}`];
  return values.flatMap((entry, index) =>
    isObject(entry) ? blockFaults(`${where}[${index}]`, type.block, entry, false) : [`${where}[${index}]: not a block`],
  );
}

/** `${type.name.attribute}`, also within a longer text or a function call. */
const REFERENCE = /\b((?:digitalocean|null)_[a-z_]+)\.([A-Za-z0-9_-]+)\.([a-z0-9_]+)/g;

function referenceFaults(stack: Synthesized, schemaOf: (provider: string) => ProviderSchema | undefined): string[] {
  const expressions = JSON.stringify([stack.resource, stack.output]).match(/\$\{[^}]*\}/g) ?? [];
  return expressions.flatMap((expression) =>
    [...expression.matchAll(REFERENCE)].flatMap(([reference, type = "", name = "", attribute = ""]) => {
      const known = schemaOf(type.slice(0, type.indexOf("_")))?.resource_schemas[type]?.block.attributes?.[attribute];
      if (!stack.resource[type]?.[name]) return [`${reference}: no such resource`];
      return known ? [] : [`${reference}: no such attribute`];
    }),
  );
}

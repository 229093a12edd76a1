import { readFileSync } from "node:fs";
import { expect, it } from "@jest/globals";
import { mutations } from "./mutations.js";

it.each(mutations.map(({ title, file, find }) => [title, file, find]))(
  'the bug "%s" still fits the code: its place stands exactly once',
  (_title, file, find) => expect(readFileSync(file, "utf8").split(find)).toHaveLength(2),
);

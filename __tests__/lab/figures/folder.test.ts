/** The folder for figures. */
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { checkFolder, readText, writeTexts } from "../../../lab/figures/folder.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "evenkeel-figures-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a folder for figures", () => {
  it("must be there, and be one", () => {
    const file = path.join(folder, "file");
    writeFileSync(file, "");
    expect(() => checkFolder(folder)).not.toThrow();
    expect(() => checkFolder(path.join(folder, "none"))).toThrow("needs a folder that can be written to");
    expect(() => checkFolder(file)).toThrow("needs a folder that can be written to");
  });

  it("gets whole files only, and gives them back", () => {
    writeTexts(folder, { "a.txt": "old", "b.txt": "b" });
    writeTexts(folder, { "a.txt": "new" });
    expect([readText(folder, "a.txt"), readText(folder, "b.txt"), readText(folder, "c.txt")]).toEqual([
      "new",
      "b",
      null,
    ]);
    expect(readdirSync(folder).sort()).toEqual(["a.txt", "b.txt"]);
  });
});

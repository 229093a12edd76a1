import { expect, test } from "@jest/globals";
import { PROGRAMS, readAbilities, whyUnable, type Abilities } from "../../lab/real/requirements.js";

const able: Abilities = {
  platform: "linux",
  root: true,
  programs: new Set(Object.keys(PROGRAMS)),
  debianRoot: true,
  refusedByKernel: null,
};
const without = (...missing: string[]): Abilities => ({
  ...able,
  programs: new Set(Object.keys(PROGRAMS).filter((program) => !missing.includes(program))),
});

test("a machine that has everything is able", () => {
  expect(whyUnable(able)).toBeNull();
});

test("this machine is looked at", () => {
  expect(whyUnable(readAbilities())).toBeNull();
});

test("what is missing is named in one line, with the packages that bring it", () => {
  expect(whyUnable(without("dockerd", "tini"))).toBe(
    "real droplets need dockerd, tini: apt-get install --no-install-recommends docker.io tini",
  );
});

test.each([
  ["Linux", { ...able, platform: "darwin" }, "real droplets need Linux"],
  ["root, whatever else is missing", { ...without("ip"), root: false }, "real droplets need root"],
  [
    "one file system",
    { ...able, debianRoot: false },
    "real droplets need Debian with /usr and /etc in the file system of /",
  ],
  [
    "the kernel's consent",
    { ...able, refusedByKernel: "unshare failed: Operation not permitted" },
    "real droplets need namespaces, bridges with filters, overlays and loop devices: unshare failed: Operation not permitted",
  ],
])("needs %s", (_what, abilities, said) => {
  expect(whyUnable(abilities)).toBe(said);
});

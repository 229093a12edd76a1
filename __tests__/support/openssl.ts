/** For what needs certificates, which openssl makes. */
import { spawnSync } from "node:child_process";
import { describe } from "@jest/globals";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** `describe` where there is openssl; elsewhere the title says why not. */
export const describeWithOpenssl = (title: string, body: () => void): void =>
  hasOpenssl ? describe(title, body) : describe.skip(`${title} (skipped: there is no openssl here)`, body);

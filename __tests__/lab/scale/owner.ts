/** A process that owns a measured rollout: for the test that kills it. Its arguments are the bundled rollout and a folder. */
import { measuredRun } from "../../../lab/scale/run.js";
import { quickSettings } from "./support.js";

const { signal } = new AbortController();
const [, , bundle = "", under = ""] = process.argv;
await measuredRun({ hosts: 2, settings: quickSettings, bundle, signal, under });

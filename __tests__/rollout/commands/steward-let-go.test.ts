/** A steward whose app closes the connections that the balancer keeps, when it is asked to. */
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { testManifest } from "../../support/fleet.js";
import { installed, OLD_ADDRESS, StewardHost } from "./steward-host.js";

const LIMIT_MS = 120_000;
const NEXT_ADDRESS = "172.31.255.243";
const settings = { service: { drainPort: 9000 } };
const handingOver = testManifest({ ...settings, rollout: { strategy: "handoff", drainTimeoutSeconds: 30 } });
const draining = testManifest({ ...settings, rollout: { strategy: "drain", drainTimeoutSeconds: 30 } });

describe.each(["dash", "bash"])("an app that is asked to let go, under %s", (shell) => {
  const program = installed(shell);
  if (!program) {
    it.skip(`is not tested: ${shell} is not installed`, () => undefined);
    return;
  }

  let host: StewardHost;
  const begin = async (manifest = handingOver): Promise<void> => {
    host = new StewardHost({ shell: program, manifest });
    host.occupy();
    await host.hold("run1", 3600);
    host.prepare({ letsGo: true });
    host.calls();
  };
  afterEach(() => host.dispose(), LIMIT_MS);

  const letGo = (name: string): boolean => existsSync(path.join(host.home, "containers", name, "let-go"));
  const asked = (): string[] => host.calls().flatMap((call) => /http:\/\/\S+\/drain$/.exec(call)?.[0] ?? []);

  it(
    "is the old one, once the ports lead to the new one, and at its own address",
    async () => {
      await begin();
      const lines = await host.orderInTime("replace");
      expect(lines.slice(-3)).toEqual(["step front-lead", "step old-let-go", "done replace"]);
      expect([letGo("api-previous"), letGo("api")]).toEqual([true, false]);
      expect(asked()).toEqual([`http://${OLD_ADDRESS}:9000/drain`]);
    },
    LIMIT_MS,
  );

  it(
    "may refuse: the ports are led over all the same, as what is open tells whether it let go",
    async () => {
      await begin();
      host.sh('mkdir -p "$HOME/break"');
      writeFileSync(path.join(host.home, "break", `holds-on-${host.old.id}`), "");
      expect((await host.orderInTime("replace")).at(-1)).toBe("done replace");
      expect(host.front().now).toBe(`${NEXT_ADDRESS} 80`);
    },
    LIMIT_MS,
  );

  it(
    "is the new one, once the ports lead back, before its end is waited for",
    async () => {
      await begin();
      await host.orderInTime("replace");
      expect(asked()).toHaveLength(1);
      expect(await host.orderInTime("undo")).toEqual(["undone all", "done undo"]);
      expect(asked()).toEqual([`http://${NEXT_ADDRESS}:9000/drain`]);
      expect(letGo("api-failed")).toBe(true);
    },
    LIMIT_MS,
  );

  it(
    "is the one that is drained, while requests still come to it",
    async () => {
      await begin(draining);
      const lines = await host.orderInTime("drain");
      expect(lines.slice(-3)).toEqual(["step drain", "step drain-let-go", "done drain"]);
      expect(letGo("api")).toBe(true);
      expect(host.front()).toMatchObject({ state: "dropped" });
    },
    LIMIT_MS,
  );

  it(
    "is not asked where its release has no port for that",
    async () => {
      await begin();
      host.sh(`sed -i /DRAIN_PORT/d "$HOME/.evenkeel/api/releases/${host.old.id}.env"`);
      expect((await host.orderInTime("replace")).at(-1)).toBe("done replace");
      expect(asked()).toEqual([]);
    },
    LIMIT_MS,
  );
});

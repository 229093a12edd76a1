import fc from "fast-check";
import { ContainerTable, isAlive, type ContainerSpec } from "../../../lab/model/containers.js";

let ids = 0;
const newTable = () => new ContainerTable(() => (++ids).toString(16).padStart(64, "0"));

const spec = (name: string, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
  name,
  image: "registry.example.com/api@sha256:0",
  labels: {},
  restart: "no",
  publish: [],
  network: null,
  staticAddress: null,
  extra: undefined,
  ...more,
});

const web = { publish: [{ address: "10.1.0.2", hostPort: 80, containerPort: 80 }] };

describe("Docker's container table", () => {
  test("a container is created, runs and ends", () => {
    const table = newTable();
    const { id } = table.create(spec("api"));
    expect(table.find("api")).toMatchObject({ id, status: "created", startedAt: null });
    expect(table.start("api", 10)).toMatchObject({ status: "running", startedAt: 10 });
    expect(table.ended(id, 3, 20)).toMatchObject({ restartInMs: null, container: { status: "exited", exitCode: 3 } });
  });

  test("finds a container by name, by id and by the beginning of its id", () => {
    const table = newTable();
    const { id } = table.create(spec("api"));
    table.create(spec("other"));
    expect(table.find("/api").id).toBe(id);
    expect(table.find(id).id).toBe(id);
    expect(() => table.find("000")).toThrow("No such container: 000");
    expect(() => table.find("nosuch")).toThrow("No such container: nosuch");
  });

  test("fails when a name is in use, in Docker's words", () => {
    const table = newTable();
    const { id } = table.create(spec("api"));
    const said = `Conflict. The container name "/api" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`;
    expect(() => table.create(spec("api"))).toThrow(said);
    table.create(spec("api-previous"));
    expect(() => table.rename("api-previous", "api")).toThrow(`Error when allocating new name: ${said}`);
  });

  test("fails when a port is in use, in Docker's words, and leaves the container created", () => {
    const table = newTable();
    table.create(spec("api", web));
    table.start("api", 0);
    const { id } = table.create(spec("api2", { publish: [{ address: "0.0.0.0", hostPort: 80, containerPort: 80 }] }));
    expect(() => table.start("api2", 0)).toThrow(
      `driver failed programming external connectivity on endpoint api2 (${id}): Bind for 0.0.0.0:80 failed: port is already allocated`,
    );
    expect(table.find("api2").status).toBe("created");
  });

  test("the same port on another address, or of a container that ended, is free", () => {
    const table = newTable();
    const { id } = table.create(spec("api", web));
    table.start("api", 0);
    table.create(spec("local", { publish: [{ address: "127.0.0.1", hostPort: 80, containerPort: 80 }] }));
    expect(table.start("local", 0)).not.toBeNull();
    table.ended(id, 0, 1);
    table.create(spec("next", web));
    expect(table.start("next", 2)).not.toBeNull();
  });

  test("ports that Docker chooses are never in one another's way", () => {
    const table = newTable();
    const publish = [{ address: "127.0.0.1", hostPort: null, containerPort: 80 }];
    for (const name of ["api", "api-previous"]) {
      table.create(spec(name, { publish }));
      expect(table.start(name, 0)).not.toBeNull();
    }
  });

  describe("in a network of the user's own", () => {
    const network = {
      ...{ name: "own", subnet: "10.9.0.0/29", range: "10.9.0.4/30", gateway: "10.9.0.1" },
    };
    const at = (staticAddress: string | null): Partial<ContainerSpec> => ({ network: "own", staticAddress });

    test("an address is one container's while that runs or waits for its restart", () => {
      const table = newTable();
      table.createNetwork(network);
      const { id } = table.create(spec("api", { ...at("10.9.0.2"), restart: "always" }));
      expect(table.start("api", 0)?.address).toBe("10.9.0.2");
      table.create(spec("next", at("10.9.0.2")));
      expect(() => table.start("next", 0)).toThrow("Address already in use");
      table.ended(id, 1, 1);
      expect(() => table.start("next", 2)).toThrow("Address already in use");
      table.stopping("api");
      expect(table.find("api").address).toBe("");
      expect(table.start("next", 3)?.address).toBe("10.9.0.2");
    });

    test("the gateway's address is taken, and one of another range is none", () => {
      const table = newTable();
      table.createNetwork(network);
      table.create(spec("gateway", at("10.9.0.1")));
      table.create(spec("elsewhere", at("10.9.0.8")));
      expect(() => table.start("gateway", 0)).toThrow("Address already in use");
      expect(() => table.start("elsewhere", 0)).toThrow("It does not belong to any of this network's subnets");
    });

    test("who has none of its own gets one of the range, until none is left", () => {
      const table = newTable();
      table.createNetwork(network);
      const names = ["a", "b", "c", "d"];
      for (const name of names) table.create(spec(name, at(null)));
      // The last one of the range reaches all of the network.
      expect(names.slice(0, 3).map((name) => table.start(name, 0)?.address)).toEqual([
        "10.9.0.4",
        "10.9.0.5",
        "10.9.0.6",
      ]);
      expect(() => table.start("d", 0)).toThrow("no available IPv4 addresses on this network's address pools: own");
    });

    test("without the network, or with an address and no network, nothing is started", () => {
      const table = newTable();
      table.create(spec("api", at("10.9.0.2")));
      table.create(spec("plain", { staticAddress: "10.9.0.2" }));
      expect(() => table.start("api", 0)).toThrow("network own not found");
      expect(() => table.start("plain", 0)).toThrow("supported on user defined networks only");
      expect(table.list().map(({ status }) => status)).toEqual(["created", "created"]);
    });

    test("after a loss of power nobody has an address", () => {
      const table = newTable();
      table.createNetwork(network);
      table.create(spec("api", at("10.9.0.2")));
      table.start("api", 0);
      table.powerLost(1);
      expect(table.find("api").address).toBe("");
    });
  });

  test("a crash is restarted after 100 ms, then after twice as long each time", () => {
    const table = newTable();
    const { id } = table.create(spec("api", { restart: "always" }));
    table.start("api", 0);
    expect(table.ended(id, 1, 5)).toMatchObject({ restartInMs: 100, container: { status: "restarting" } });
    expect(table.restart(id, 105)).toMatchObject({ status: "running", restartCount: 1 });
    expect(table.ended(id, 1, 110).restartInMs).toBe(200);
    table.restart(id, 310);
    // Long enough to begin from the start.
    expect(table.ended(id, 1, 20_310).restartInMs).toBe(100);
  });

  test("the pause grows to a minute at most", () => {
    const table = newTable();
    const { id } = table.create(spec("api", { restart: "always" }));
    table.start("api", 0);
    const pauses = Array.from({ length: 12 }, () => {
      const { restartInMs } = table.ended(id, 1, 0);
      table.restart(id, 0);
      return restartInMs;
    });
    expect(pauses.slice(-3)).toEqual([51_200, 60_000, 60_000]);
  });

  test("what was stopped by hand stays stopped", () => {
    const table = newTable();
    const { id } = table.create(spec("api", { restart: "always" }));
    table.start("api", 0);
    expect(table.stopping("api")?.id).toBe(id);
    expect(table.ended(id, 0, 1)).toMatchObject({ restartInMs: null, container: { status: "exited" } });
    expect(table.stopping("api")).toBeNull();
  });

  test("a stop between two restarts ends it for good", () => {
    const table = newTable();
    const { id } = table.create(spec("api", { restart: "always" }));
    table.start("api", 0);
    table.ended(id, 1, 1);
    expect(isAlive(table.find("api"))).toBe(true);
    expect(table.stopping("api")).toBeNull();
    expect(table.find("api").status).toBe("exited");
    expect(table.restart(id, 101)).toBeNull();
  });

  test("a policy that is taken away holds from the next end on", () => {
    const table = newTable();
    const { id } = table.create(spec("api", { restart: "always" }));
    table.start("api", 0);
    table.update("api", "no");
    expect(table.ended(id, 137, 1).restartInMs).toBeNull();
  });

  test("a container that runs cannot be removed", () => {
    const table = newTable();
    const { id } = table.create(spec("api"));
    table.start("api", 0);
    expect(() => table.remove("api")).toThrow(
      `You cannot remove a running container ${id}. Stop the container before attempting removal or force remove`,
    );
    table.ended(id, 0, 1);
    table.remove("api");
    expect(table.list()).toEqual([]);
  });

  test("after a loss of power the daemon starts what has the policy, also what was stopped by hand", () => {
    const table = newTable();
    table.create(spec("api", { restart: "always" }));
    table.create(spec("api-previous", { restart: "always" }));
    table.create(spec("failed"));
    for (const name of ["api", "api-previous", "failed"]) table.start(name, 0);
    table.stopping("api-previous");
    table.powerLost(5);
    expect(table.list().map(({ status, exitCode }) => [status, exitCode])).toEqual(
      Array.from({ length: 3 }, () => ["exited", 255]),
    );
    expect(table.revived().map(({ name }) => name)).toEqual(["api", "api-previous"]);
  });
});

describe("whatever is done to the table", () => {
  const names = fc.constantFrom("a", "b", "c");
  const action = fc.oneof(
    fc.record({
      do: fc.constant("create" as const),
      name: names,
      always: fc.boolean(),
      port: fc.integer({ min: 1, max: 2 }),
    }),
    fc.record({ do: fc.constantFrom("start", "stop", "end", "restart", "remove" as const), name: names }),
    fc.record({ do: fc.constant("rename" as const), name: names, to: names }),
  );
  type Action = typeof action extends fc.Arbitrary<infer One> ? One : never;

  function apply(table: ContainerTable, step: Action, now: number): void {
    if (step.do === "create") {
      const publish = [{ address: "0.0.0.0", hostPort: step.port, containerPort: 80 }];
      table.create(spec(step.name, { restart: step.always ? "always" : "no", publish }));
    } else if (step.do === "rename") table.rename(step.name, step.to);
    else if (step.do === "start") table.start(step.name, now);
    else if (step.do === "stop") table.stopping(step.name);
    else if (step.do === "restart") table.restart(table.find(step.name).id, now);
    else if (step.do === "remove") table.remove(step.name);
    else if (table.find(step.name).status === "running") table.ended(table.find(step.name).id, 1, now);
  }

  test("SAFETY: names stay unique, no two that run share a port, and a refusal changes nothing", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (steps) => {
        const table = newTable();
        steps.forEach((step, now) => {
          const before = JSON.stringify(table.list());
          try {
            apply(table, step, now);
          } catch {
            expect(JSON.stringify(table.list())).toBe(before);
          }
          const all = table.list();
          expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
          const ports = all.filter(isAlive).flatMap(({ publish }) => publish.map(({ hostPort }) => hostPort));
          expect(new Set(ports).size).toBe(ports.length);
        });
      }),
    );
  });
});

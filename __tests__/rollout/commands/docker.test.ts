import { describe, expect, it } from "@jest/globals";
import { service } from "../../../contract/policy.js";
import * as docker from "../../../scripts/rollout/commands/docker.js";
import { line } from "../../../scripts/rollout/commands/shell.js";
import { releaseOf } from "../../../scripts/rollout/core/target.js";
import { testImage } from "../../support/fleet.js";

const image = testImage(1);
const publish = { serviceAddress: "10.110.0.2", servicePort: 80, controlPort: 9000 };
const run = (settings: object): string => {
  const release = { ...releaseOf(image, service.parse(settings), "/health"), id: "00112233445566aa" };
  return line(docker.run("api", "current", release, publish));
};

describe("docker run", () => {
  it("labels, limits restarts, and publishes the service on the private address and the control port on loopback", () =>
    expect(run({})).toBe(
      `docker run -d --name api --label evenkeel.fleet=api --label evenkeel.release=00112233445566aa --restart no --init --stop-timeout 10 --env-file releases/00112233445566aa.env -p 10.110.0.2:80:80 -p 127.0.0.1:9000:9000 ${image}`,
    ));

  it("puts limits before the image and the command after it", () =>
    expect(
      run({ port: 8080, controlPort: 8081, memoryMb: 256, stopTimeoutSeconds: 45, command: ["node", "-r", "x"] }),
    ).toBe(
      `docker run -d --name api --label evenkeel.fleet=api --label evenkeel.release=00112233445566aa --restart no --init --stop-timeout 45 --env-file releases/00112233445566aa.env -p 10.110.0.2:80:8080 -p 127.0.0.1:9000:8081 --memory 256m ${image} node -r x`,
    ));

  it("never lets a word of the command reach the shell", () =>
    expect(
      run({ command: ["sh", "-c", `echo "$HOME" 'a' \`id\`; exit`, "", "two\nlines"] }).split(`${image} `)[1],
    ).toBe(`sh -c 'echo "$HOME" '\\''a'\\'' \`id\`; exit' '' 'two\nlines'`));

  it("keeps the environment out of the command line", () =>
    expect(run({ environment: { GREETING: "hello there" } })).toBe(run({})));

  it("names the container after its slot", () => {
    const release = releaseOf(image, service.parse({}), "/health");
    const loopback = { serviceAddress: "127.0.0.1", servicePort: 9080, controlPort: 9081 };
    expect(line(docker.run("api", "smoke", release, loopback))).toContain(
      "docker run -d --name api-smoke --label evenkeel.fleet=api ",
    );
    expect(line(docker.run("api", "smoke", release, loopback))).toContain(
      " -p 127.0.0.1:9080:80 -p 127.0.0.1:9081:9000 ",
    );
  });
});

describe("every other docker command", () => {
  it.each<[string, string[], string]>([
    ["stop", docker.stop("api", 10), "docker stop -t 10 api"],
    ["start", docker.start("api"), "docker start api"],
    ["cycle", docker.cycle("api", 45), "docker restart -t 45 api"],
    ["rename", docker.rename("api", "api-previous"), "docker rename api api-previous"],
    ["remove", docker.remove("api-failed"), "docker rm -f api-failed"],
    ["restartPolicy, off", docker.restartPolicy("api", "no"), "docker update --restart=no api"],
    ["restartPolicy, on", docker.restartPolicy("api", "always"), "docker update --restart=always api"],
    [
      "inspect, whole",
      docker.inspect(["api", "api-failed"], docker.CONTAINER_FORMAT),
      `docker inspect --type container --format '{{.Name}}|{{.Id}}|{{.Config.Image}}|{{index .Config.Labels "evenkeel.release"}}|{{.State.Running}}|{{.State.Restarting}}|{{.RestartCount}}|{{.State.ExitCode}}' api api-failed`,
    ],
    [
      "inspect, alive",
      docker.inspect(["api"], docker.ALIVE_FORMAT),
      "docker inspect --type container --format '{{.State.Running}}|{{.State.Restarting}}|{{.RestartCount}}' api",
    ],
    ["logs", docker.logs("api-failed", 20), "docker logs --tail 20 api-failed"],
    ["serverVersion", docker.serverVersion(), "docker version --format '{{.Server.Version}}'"],
    [
      "inspectImage",
      docker.inspectImage("api:v2"),
      "docker image inspect --format '{{json .RepoDigests}}|{{.Architecture}}' api:v2",
    ],
    [
      "listImages",
      docker.listImages("registry.example.com/api"),
      "docker images --digests --no-trunc --format '{{.Repository}}@{{.Digest}}' registry.example.com/api",
    ],
    ["removeImage", docker.removeImage(image), `docker rmi ${image}`],
    ["connectionTable", docker.connectionTable("api"), "docker exec api cat /proc/net/tcp /proc/net/tcp6"],
  ])("is exactly as golden: %s", (_name, argv, golden) => expect(line(argv)).toBe(golden));

  it("has a golden line above", () => {
    const builders = Object.entries(docker).filter(([, value]) => typeof value === "function");
    expect(builders.map(([name]) => name).sort()).toEqual([
      "connectionTable",
      "cycle",
      "environmentFile",
      "inspect",
      "inspectImage",
      "listImages",
      "logs",
      "remove",
      "removeImage",
      "rename",
      "restartPolicy",
      "run",
      "serverVersion",
      "start",
      "stop",
    ]);
  });
});

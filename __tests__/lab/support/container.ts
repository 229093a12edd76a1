import { expect } from "@jest/globals";
import type { World } from "../../../lab/world.js";
import { ssh } from "./ssh.js";

/** One container on api-1 as a rollout would start it, by the shortest way. */
export async function runContainer(world: World, image: string): Promise<void> {
  const host = world.droplet("api-1");
  const reply = await fetch(`${world.api.url}/v2/registry/docker-credentials?expiry_seconds=60`, {
    headers: { authorization: "Bearer lab-token" },
  });
  const ports = `-p ${host.privateAddress}:80:80 -p 127.0.0.1:9000:9000`;
  const environment = "-e PORT=80 -e RELEASE=r1";
  const result = await ssh(
    world,
    host,
    `mkdir c && cat >c/config.json && docker --config "$HOME/c" pull --quiet ${image} && docker run -d --name api --init ${environment} ${ports} ${image}`,
    await reply.text(),
  );
  expect(result).toMatchObject({ code: 0, stderr: "" });
}

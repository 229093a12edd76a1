/** Logins for the registry, from the API of a world. */
import { environmentNames } from "../../contract/manifest.js";
import { DigitalOcean } from "../../scripts/rollout/adapters/cloud.js";
import type { World } from "../world.js";
import type { ImageAndLogin } from "./article.js";

/** @param image on DigitalOcean's registry */
export async function withLogin(world: World, image: string): Promise<ImageAndLogin> {
  const environment = world.environment();
  const token = environment[environmentNames.digitaloceanToken] ?? "";
  const [, registry = ""] = image.split("/");
  const cloud = new DigitalOcean(token, environment[environmentNames.digitaloceanApi]);
  return { image, login: await cloud.registryLogin(registry) };
}

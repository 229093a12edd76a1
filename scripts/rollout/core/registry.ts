/** Which registry an image is at, and whether a login is for that one. */

/** Docker's own name for Docker Hub, which image names leave out. */
const DOCKER_HUB = "docker.io";
/** Name of Docker Hub in a Docker configuration. @see https://docs.docker.com/reference/cli/docker/login/ */
const DOCKER_HUB_LOGIN = "https://index.docker.io/v1/";

/** One name for each registry, however it is written. */
export function registryNamed(host: string): string {
  const name = host.toLowerCase();
  return name === "index.docker.io" || name === "registry-1.docker.io" ? DOCKER_HUB : name;
}

/**
 * The registry that Docker asks for an image: what stands before the first "/" where that has a dot or a colon or is localhost, else Docker Hub.
 * @see https://github.com/distribution/reference/blob/main/normalize.go
 */
export function registryOf(image: string): string {
  const slash = image.indexOf("/");
  const first = slash < 0 ? "" : image.slice(0, slash);
  return /[.:]/.test(first) || first === "localhost" ? registryNamed(first) : DOCKER_HUB;
}

/** Docker configuration that holds a login for one registry and no other. */
export function dockerConfiguration(registry: string, user: string, password: string): string {
  const auth = Buffer.from(`${user}:${password}`).toString("base64");
  return JSON.stringify({ auths: { [registry === DOCKER_HUB ? DOCKER_HUB_LOGIN : registry]: { auth } } });
}

/** What may befall the network of a droplet's containers, and the addresses in it. */
import { CONTAINER_NETWORK, FRONT_HELPER } from "../../../contract/host.js";
import { broken, shellOn, theHost, type Fault, type Scene } from "../fault.js";

/** Containers of somebody else at addresses of the network that are free, one or all. */
const take = (image: string, which: "one" | "all"): string => `set -- $(sudo -n ${FRONT_HELPER} network)
shift 4
for slot; do
  if docker run -d --name "foreign-$slot" --network ${CONTAINER_NETWORK} --ip "$slot" ${image} >/dev/null 2>&1; then
    taken=yes
    [ ${which} = all ] || exit 0
  else
    docker rm -f "foreign-$slot" >/dev/null
  fi
done
[ -n "\${taken:-}" ]`;

const GIVE_BACK = `for name in $(docker ps -a --format '{{.Names}}'); do
  case $name in foreign*) docker rm -f "$name" ;; esac
done`;

const taken =
  (which: "one" | "all") =>
  async ({ droplet, world }: Scene): Promise<void> =>
    // Of an image that is there: whoever logs in to pull has done so for the release alone.
    shellOn(droplet, take(await world.pushReference("v1"), which));
const givenBack = ({ droplet }: Scene): Promise<void> => shellOn(droplet, GIVE_BACK);

/** No network can be removed that a running container is in. */
const REMOVE = `for name in $(docker ps --format '{{.Names}}'); do
  case $name in api*) docker network disconnect -f ${CONTAINER_NETWORK} "$name" || exit ;; esac
done
docker network rm ${CONTAINER_NETWORK}`;

export const networks: readonly Fault[] = [
  {
    name: "a foreign container has the address that the new one would get",
    phases: ["before"],
    strike: taken("one"),
    mend: givenBack,
    exitCodes: [0],
  },
  {
    name: "foreign containers have every address for new ones",
    phases: ["before"],
    strike: taken("all"),
    mend: givenBack,
    exitCodes: [5],
    error: "StepFailed",
  },
  {
    name: "a foreign container takes the stopped old one's address, and the release is never healthy",
    // The old one that is handed over from runs, and has its address.
    strategies: ["drain"],
    phases: ["new-ready"],
    ...broken("never-healthy"),
    strike: taken("all"),
    mend: givenBack,
    exitCodes: [6],
    error: "StepFailed",
    // Nobody can start it before the address is free again.
    unrested: theHost,
  },
  {
    name: "somebody removes the containers' network",
    // An embedded droplet's containers are reached without it.
    sites: ["real"],
    phases: ["before"],
    strike: ({ droplet }) => shellOn(droplet, REMOVE),
    kills: theHost,
    // A socket of the container's may look as if somebody were there until the kernel gives it up: such a host is not touched.
    exitCodes: [0, 3],
    unrested: theHost,
  },
];

/** Ids of what a world creates, as DigitalOcean would give them. None of them exists anywhere. */

const FIRST_DROPLET_ID = 400_000_001;

export class Identities {
  readonly balancer = { id: "4de7ac8b-495b-4884-9a69-1050c6793cd6" };
  readonly vpc = { id: "5a4981aa-9653-4bd1-bef5-d6bff52042e4" };
  readonly sshKey = { id: "512189", fingerprint: "3b:16:bf:e4:8b:00:8b:b8:59:8c:a9:d3:f0:19:45:fa" };
  #nextDroplet = FIRST_DROPLET_ID;

  nextDropletId(): string {
    const id = String(this.#nextDroplet);
    this.#nextDroplet += 1;
    return id;
  }
}

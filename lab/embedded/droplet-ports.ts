/** Which real port of this machine stands for which port of a droplet: the same for as long as the droplet is there. */
import type { PortPool } from "./ports.js";

export class DropletPorts {
  readonly #real = new Map<number, Promise<number>>();
  readonly #known = new Map<number, number>();

  constructor(private readonly pool: PortPool) {}

  real(port: number): Promise<number> {
    const known = this.#real.get(port);
    if (known) return known;
    const taken = this.pool.take();
    this.#real.set(port, taken);
    void taken.then((number) => this.#known.set(port, number));
    return taken;
  }

  /** Undefined as long as nobody asked for the real one. */
  known(port: number): number | undefined {
    return this.#known.get(port);
  }

  /** A real port that stands for none. */
  unreachable(): Promise<number> {
    return this.pool.take();
  }
}

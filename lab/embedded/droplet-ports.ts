/** Which real port of this machine stands for which port of a droplet: the same for as long as the droplet is there. */
import { LabFault } from "../fault.js";
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

  /** From now on both ports lead to the same real one. @throws LabFault when each has led to another already */
  share(port: number, other: number): Promise<number> {
    const real = this.real(other);
    const known = this.#real.get(port);
    if (known && known !== real)
      throw new LabFault(`ports ${port} and ${other} lead to the same container, and did not before`);
    this.#real.set(port, real);
    void real.then((number) => this.#known.set(port, number));
    return real;
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

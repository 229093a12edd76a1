/** Real ports of this machine for what containers listen on: each container has its own, for as long as it is there. */
import type { PortPool } from "../ports.js";
import type { PortPair } from "./connection-table.js";

export class ContainerPorts {
  /** By id of the container, then by the port that it would listen on inside one. */
  readonly #real = new Map<string, Map<number, number>>();

  constructor(private readonly pool: PortPool) {}

  /** The same port every time that the container is started. */
  async take(id: string, containerPort: number): Promise<number> {
    const own = this.#real.get(id) ?? new Map<number, number>();
    this.#real.set(id, own);
    const known = own.get(containerPort);
    if (known !== undefined) return known;
    const taken = await this.pool.take();
    const meanwhile = own.get(containerPort);
    if (meanwhile !== undefined) {
      this.pool.give(taken);
      return meanwhile;
    }
    own.set(containerPort, taken);
    return taken;
  }

  /** Undefined for one that the container was never started with. */
  real(id: string, containerPort: number): number | undefined {
    return this.#real.get(id)?.get(containerPort);
  }

  pairs(id: string): PortPair[] {
    return [...(this.#real.get(id) ?? [])].map(([container, real]) => ({ real, container }));
  }

  /** The container is gone: others may have its ports. */
  give(id: string): void {
    for (const { real } of this.pairs(id)) this.pool.give(real);
    this.#real.delete(id);
  }
}

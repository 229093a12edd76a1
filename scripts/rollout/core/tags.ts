/** Tags of droplets and balancers. */
import type { CloudDroplet } from "../ports.js";

/** Tags are compared without case, as DigitalOcean does. */
export const sameTag = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
export const carries = ({ tags }: CloudDroplet, tag: string): boolean => tags.some((own) => sameTag(own, tag));

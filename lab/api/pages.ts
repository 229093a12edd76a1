/** Lists, page by page. @see https://docs.digitalocean.com/reference/api/ "Links & Pagination" */
import { ApiError } from "./errors.js";
import { ok, type Reply } from "./router.js";

const DEFAULT_PAGE_SIZE = 20;
const LARGEST_PAGE_SIZE = 200;

/** The page that the query asks for, with links and total as every list has them. */
export function page(key: string, all: readonly unknown[], url: URL): Reply {
  const number = positive(url, "page", 1, Infinity);
  const size = positive(url, "per_page", DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE);
  const last = Math.max(1, Math.ceil(all.length / size));
  const link = (target: number): string => linkTo(url, target);
  const back = number > 1 ? { first: link(1), prev: link(number - 1) } : {};
  const ahead = number < last ? { next: link(number + 1), last: link(last) } : {};
  return ok({
    [key]: all.slice((number - 1) * size, number * size),
    links: last > 1 ? { pages: { ...back, ...ahead } } : {},
    meta: { total: all.length },
  });
}

function linkTo(url: URL, number: number): string {
  const target = new URL(url);
  target.searchParams.set("page", String(number));
  return target.href;
}

function positive(url: URL, name: string, usual: number, largest: number): number {
  const value = Number(url.searchParams.get(name) ?? usual);
  if (Number.isInteger(value) && value >= 1 && value <= largest) return value;
  throw new ApiError(400, "bad_request", `${name} must be between 1 and ${largest}`);
}

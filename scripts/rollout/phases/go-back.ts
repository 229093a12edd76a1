/** Bringing hosts back that were replaced before another one failed. */
import type { Release } from "../../../contract/release.js";
import { emit, listed, membersNamed, type Context, type Member } from "../context.js";
import { RolloutError } from "../core/errors.js";
import { replaceBaseline } from "./clients.js";
import { onceMore } from "./down.js";
import { convergeAll, replaceAll } from "./hosts.js";
import { planOf } from "./plan.js";
import { prepare, pullEverywhere } from "./release.js";

/**
 * By the policy `onFailure`, last first and once. Whatever comes of it, the failure that it follows is the rollout's, unless
 * it is told to stop meanwhile.
 */
export async function goBack(context: Context, failure: unknown): Promise<void> {
  if (!isWanted(context, failure) || context.moved.length === 0) return;
  try {
    await bringBack(context);
  } catch (error) {
    if (!(error instanceof RolloutError) || error.code === "Interrupted") throw error;
    emit(context, "notRolledBack", { why: error.message });
  }
}

/** Not after an order to stop or when its time is up, nor after a bug, nor out of a rollback: that would go forth again. */
const isWanted = ({ manifest, request, before, release }: Context, failure: unknown): boolean =>
  manifest.rollout.onFailure === "rollback" &&
  request.wanted.do !== "rollback" &&
  failure instanceof RolloutError &&
  failure.code !== "RolloutTimeout" &&
  !request.signal.aborted &&
  (!("release" in before) || before.release.id !== release?.id);

async function bringBack(context: Context): Promise<void> {
  const { before, release, moved } = context;
  if (!("release" in before)) throw new RolloutError("NothingBefore", before.why);
  const lost = listed(context).find(({ status }) => status === "failed");
  if (lost) throw new RolloutError("QuorumLost", `${lost.info.name} was not seen to serve again`);
  const { id, image } = before.release;
  emit(context, "rollingBack", { release: id, image, hosts: moved.map(({ info }) => info.name) });
  try {
    await bringOnto(context, before.release);
  } finally {
    // The receipt tells of the release that was to be rolled out.
    context.release = release;
  }
}

async function bringOnto(context: Context, before: Release): Promise<void> {
  context.goesBack = true;
  const { image, service, secretsFingerprint } = before;
  await pullEverywhere(context, { image, service, secretsFingerprint, back: null });
  await prepare(context, listed(context));
  // Clients may fail by the very release that is left: what fails by now must not keep its hosts from going back.
  await replaceBaseline(context);
  await onceMore(
    context,
    () => follow(context),
    async () => {
      await prepare(context, listed(context));
      await follow(context);
    },
  );
}

async function follow(context: Context): Promise<void> {
  const plan = planOf(context);
  await convergeAll(context, plan.converge, "rolled-back");
  const replace = membersNamed(context, plan.replace);
  await replaceAll(context, replace, plan, "rolled-back", lastMovedFirst);
}

const lastMovedFirst = ({ moved }: Context, waiting: readonly Member[]): Member[] =>
  [...waiting].sort((a, b) => moved.indexOf(b) - moved.indexOf(a));

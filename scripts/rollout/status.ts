/** What the hosts run right now, without changing anything. */
import type { Manifest } from "../../contract/manifest.js";
import { exitCodes, RolloutError, type ExitCode } from "./core/errors.js";
import { serves } from "./core/target.js";
import type { Hosts, Survey } from "./ports.js";

export interface HostRow {
  readonly name: string;
  readonly id: string;
  /** serving, draining, idle, retired, or why the host could not be asked. */
  readonly state: string;
  readonly release: string | null;
  readonly image: string | null;
  /** Release that `previous` holds: where a rollback would go. */
  readonly previous: string | null;
  /** The rollout that has it in hand, and what that does; null without one. */
  readonly run: string | null;
}

export async function lookAtHosts(manifest: Manifest, hosts: Hosts): Promise<HostRow[]> {
  return Promise.all(
    manifest.hosts.map(async (info): Promise<HostRow> => {
      const host = hosts.open(info);
      try {
        return rowOf(info.name, info.id, await host.survey());
      } catch (error) {
        if (!(error instanceof RolloutError)) throw error;
        return {
          name: info.name,
          id: info.id,
          state: error.code,
          release: null,
          image: null,
          previous: null,
          run: null,
        };
      } finally {
        await host.close();
      }
    }),
  );
}

function rowOf(name: string, id: string, survey: Survey): HostRow {
  const { current, previous } = survey.containers;
  return {
    name,
    id,
    state: stateOf(survey),
    release: current?.release ?? null,
    image: current?.image ?? null,
    previous: previous?.release ?? null,
    run: survey.run && `${survey.run.holder}: ${survey.run.last}`,
  };
}

function stateOf(survey: Survey): string {
  if (survey.retired) return "retired";
  if (serves(survey)) return "serving";
  return survey.lifecycle?.state === "draining" ? "draining" : "idle";
}

/** Whether every host serves one and the same release, and that of `image` when one is named. */
export function verdict(rows: readonly HostRow[], image: string): { exitCode: ExitCode; message: string } {
  const silent = rows.filter((row) => row.state !== "serving");
  if (silent.length > 0) {
    return {
      exitCode: exitCodes.failedMixed,
      message: `not serving: ${silent.map((row) => `${row.name} (${row.state})`).join(", ")}`,
    };
  }
  const releases = [...new Set(rows.map((row) => `${row.release ?? "unknown"} (${row.image ?? "no image"})`))];
  if (releases.length > 1)
    return { exitCode: exitCodes.failedMixed, message: `the hosts serve different releases: ${releases.join(", ")}` };
  if (image && rows[0]?.image !== image) {
    return { exitCode: exitCodes.failedMixed, message: `the hosts serve ${rows[0]?.image ?? "nothing"}, not ${image}` };
  }
  return { exitCode: exitCodes.onTarget, message: `all ${rows.length} hosts serve release ${releases[0] ?? ""}` };
}

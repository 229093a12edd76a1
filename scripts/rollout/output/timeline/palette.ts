/** Colours of the picture. It brings its own light background, so that it reads the same on light and dark pages. */
import type { HostStatus } from "../../core/events.js";

export const ink = {
  background: "#ffffff",
  border: "#d0d7de",
  text: "#1f2328",
  muted: "#59636e",
  grid: "#e6e9ec",
  track: "#f3f5f7",
  failure: "#c62828",
  answered: "#8fb4dc",
  median: "#1f6fc4",
  slowest: "#7a4a00",
} as const;

export const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif";

export interface StatusStyle {
  readonly fill: string;
  /** Colour of text on `fill`; their contrast is at least 4.5 to 1. */
  readonly text: string;
  readonly label: string;
}

/** In the order of the legend, which is the order of a host's life. */
export const statusStyles: Readonly<Record<HostStatus, StatusStyle>> = {
  waiting: { fill: "#e3e7ec", text: "#3d4650", label: "waiting" },
  idle: { fill: "#bcc6d1", text: "#1f2328", label: "idle" },
  serving: { fill: "#1f7a4d", text: "#ffffff", label: "serving" },
  draining: { fill: "#f2b134", text: "#1f2328", label: "draining" },
  ejected: { fill: "#74458c", text: "#ffffff", label: "out" },
  starting: { fill: "#1f6fc4", text: "#ffffff", label: "starting" },
  ready: { fill: "#8ed3ae", text: "#1f2328", label: "ready" },
  failed: { fill: "#c62828", text: "#ffffff", label: "failed" },
  restored: { fill: "#8a5a00", text: "#ffffff", label: "restored" },
  retired: { fill: "#59636e", text: "#ffffff", label: "retired" },
};

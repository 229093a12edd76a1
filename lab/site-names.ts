/** Names of the sites that bench, soak and fault suite can run on. The first one is used unless another is named. */
export const siteNames = ["real", "embedded"] as const;
export type SiteName = (typeof siteNames)[number];

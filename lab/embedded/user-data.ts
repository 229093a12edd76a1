/** What a droplet's user data puts there. */
import { parse } from "yaml";
import { z } from "zod";

const cloudConfig = z.object({
  write_files: z.array(z.object({ path: z.string(), content: z.string() })).default([]),
});

/** Text of a file that cloud-init writes; null where the user data declares none of that path. */
export function declaredFile(userData: string, path: string): string | null {
  if (!userData.startsWith("#cloud-config")) return null;
  const { write_files: files } = cloudConfig.parse(parse(userData) ?? {});
  return files.find((file) => file.path === path)?.content ?? null;
}

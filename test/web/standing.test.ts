// What a reload changes reaches a page that is open.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { folder } from "../cli/command.ts";
import { testWith } from "../interop/peers.ts";
import { freePort } from "../net/free-port.ts";
import { scene } from "./scene.ts";

for (const workers of ["1", "2"]) {
  const name = `an open page hears what a reload allows, with --workers ${workers}`;
  testWith("chromium", name, async (t, program) => {
    const config = join(await folder(t), "tidewire.toml");
    await writeFile(config, "");
    const args = ["--config", config, "--workers", workers, "--port", await freePort()];
    const { page, child } = await scene(t, program, args);
    await page.getByText("read-only").waitFor();
    await page.getByRole("link", { name: "Files" }).click();
    await page.getByText("Uploads are off.").waitFor();
    await writeFile(config, 'uploads = "create"\n');
    child.kill("SIGHUP");
    await page.getByText("takes uploads").waitFor();
    await page.getByLabel("Upload into this folder:").waitFor();
    await page.getByText("Files are never replaced.").waitFor();
    await writeFile(config, "");
    child.kill("SIGHUP");
    await page.getByText("read-only").waitFor();
    await page.getByText("Uploads are off.").waitFor();
  });
}

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const names = ['chromium', 'google-chrome', 'chromium-browser', 'google-chrome-stable'];
const installLine = 'apt-get install -y chromium';

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The browser that the journeys drive: `CHROMIUM_PATH`, or the first there is on the `PATH`. */
function findChromium(): string | undefined {
  const given = process.env['CHROMIUM_PATH'];
  if (given) return given;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

export const chromiumPath = findChromium();

/** Why the journeys are left out, for the names of skipped tests; undefined when they are not. */
export const noChromium =
  chromiumPath === undefined ? `no Chromium here: ${installLine}, or set CHROMIUM_PATH` : undefined;

if (noChromium !== undefined) {
  // What CI has not seen, nobody has.
  if (process.env['CI'] === 'true') throw new Error(`The console's journeys cannot run: ${noChromium}`);
  console.warn(`The console's journeys are skipped: ${noChromium}`);
}

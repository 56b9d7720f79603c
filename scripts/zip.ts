import { buffer } from 'node:stream/consumers';
import yazl from 'yazl';

/** A zip as bundles are: every file DEFLATEd, paths with `/`. */
export function zipFiles(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  for (const [path, content] of Object.entries(files)) zip.addBuffer(Buffer.from(content), path);
  zip.end();
  return buffer(zip.outputStream);
}

/** A file or folder of a bundle. */
export interface FileNode {
  readonly name: string;
  readonly path: string;
  /** Bytes over the wire; of a folder, of everything below it. */
  readonly size: number;
  /** Files below it, or 1. */
  readonly files: number;
  /** Folders first, each by name; undefined of a file. */
  readonly children?: readonly FileNode[];
}

interface SizedFile {
  readonly path: string;
  readonly size: number;
}

interface Branch {
  readonly folders: Map<string, Branch>;
  readonly files: SizedFile[];
}

const byName = (one: FileNode, other: FileNode) => (one.name < other.name ? -1 : 1);

function nodesOf(branch: Branch, above: string): FileNode[] {
  const folders = [...branch.folders].map(([name, inner]): FileNode => {
    const path = `${above}${name}`;
    const children = nodesOf(inner, `${path}/`);
    return {
      ...{ name, path, children },
      size: children.reduce((sum, { size }) => sum + size, 0),
      files: children.reduce((sum, { files }) => sum + files, 0),
    };
  });
  const files = branch.files.map(({ path, size }) => ({
    ...{ name: path.slice(above.length), path, size, files: 1 },
  }));
  return [...folders.sort(byName), ...files.sort(byName)];
}

/** Files as the folders they lie in. */
export function fileTree(files: readonly SizedFile[]): readonly FileNode[] {
  const root: Branch = { folders: new Map(), files: [] };
  for (const file of files) {
    let branch = root;
    for (const name of file.path.split('/').slice(0, -1)) {
      let next = branch.folders.get(name);
      if (!next) {
        next = { folders: new Map(), files: [] };
        branch.folders.set(name, next);
      }
      branch = next;
    }
    branch.files.push(file);
  }
  return nodesOf(root, '');
}

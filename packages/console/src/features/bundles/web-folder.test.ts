import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { folderPath, NotAWebFolder, versionIn, webFiles, zipFiles } from './web-folder.ts';

const file = (path: string, text = path) => ({ path, file: new Blob([text]) });
const pathsOf = (...paths: string[]) => webFiles(paths.map((path) => file(path))).map(({ path }) => path);

describe('a folder that is dropped', () => {
  it('is taken from its index.html on, at the top or in the only folder at the top', () => {
    expect(pathsOf('index.html', 'js/app.js')).toEqual(['index.html', 'js/app.js']);
    expect(pathsOf('www/js/app.js', 'www/index.html')).toEqual(['index.html', 'js/app.js']);
    expect(pathsOf('app/www/index.html', 'app/www/a.css')).toEqual(['a.css', 'index.html']);
  });

  it('keeps dot files, and leaves out what operating systems put there', () => {
    expect(
      pathsOf(
        'www/index.html',
        'www/.well-known/x',
        'www/.DS_Store',
        'www/img/Thumbs.db',
        'www/._index.html',
      ),
    ).toEqual(['.well-known/x', 'index.html']);
  });

  it.each([
    ['nothing', []],
    ['no index.html', ['www/app.js']],
    ['index.html beside other folders only', ['dist/index.html', 'src/app.ts']],
    ['litter alone', ['.DS_Store']],
  ])('is refused with %s', (_what, paths) => {
    expect(() => pathsOf(...paths)).toThrow(NotAWebFolder);
  });

  it('becomes a zip of the same files, also with names in other scripts, and tells its progress', async () => {
    const shares: number[] = [];
    const zip = await zipFiles([file('index.html', 'a'.repeat(10_000)), file('日本/é.txt', 'x')], (share) =>
      shares.push(share),
    );
    const entries = unzipSync(new Uint8Array(await zip.arrayBuffer()));
    expect(Object.keys(entries)).toEqual(['index.html', '日本/é.txt']);
    expect(new TextDecoder().decode(entries['index.html'])).toBe('a'.repeat(10_000));
    expect(zip.size).toBeLessThan(1_000);
    expect(shares.at(-1)).toBe(1);
  });
});

it('the path of a file is the one below the folder, however the browser tells it', () => {
  const named = (facts: object) => folderPath(Object.assign(new File([], 'x'), facts) as File);
  expect(named({ path: './www/index.html' })).toBe('www/index.html');
  expect(named({ relativePath: '/www/index.html' })).toBe('www/index.html');
  expect(named({})).toBe('x');
});

describe('the version a name tells', () => {
  it.each([
    ['com.example.app_1.2.3.zip', '1.2.3'],
    ['bundle-1.2.3-beta.1.zip', '1.2.3-beta.1'],
    ['v2.0.0', '2.0.0'],
    ['www', undefined],
    ['my-app-1.2.zip', undefined],
  ])('of %s is %s', (name, version) => {
    expect(versionIn(name)).toBe(version);
  });
});

/// <reference types="vite/client" />
import { expect, test } from 'vitest';

const sources = import.meta.glob<string>('../src/**/*.ts', { query: '?raw', import: 'default', eager: true });
const texts = new Map(Object.entries(sources).map(([path, text]) => [path.replace('../src/', ''), text]));
const files = [...texts.keys()];

/** The module that a relative import in `file` means. */
function targetOf(file: string, path: string): string | undefined {
  const resolved = new URL(path, `file:///${file}`).pathname.slice(1);
  return [`${resolved}.ts`, `${resolved}/index.ts`].find((name) => texts.has(name));
}

/** Imports between the modules of `src`, types included. */
const imports = new Map(
  [...texts].map(([file, text]) => {
    const paths = [...text.matchAll(/^(?:import|export)\b[^;]*?from '(\.[^']+)';/gm)].map(([, path]) => path!);
    return [file, paths.flatMap((path) => targetOf(file, path) ?? [])];
  }),
);

/** Every import circle, as the modules along it. */
function circles(): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) found.push([...path.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  return found;
}

test('there are modules and imports to check', () => {
  expect(files.length).toBeGreaterThan(100);
  expect(imports.get('core/studio/studio.ts')).toContain('core/player/player.ts');
  expect(imports.get('core/player/player.ts')).toContain('core/strings/index.ts');
});

test('no import circle', () => expect(circles()).toEqual([]));

test.each([
  ['core', /^(lab|widget)\//],
  ['widget', /^lab\//],
  ['lab', /^widget\//],
])('%s imports only what it may', (folder, forbidden) => {
  const wrong = files
    .filter((file) => file.startsWith(`${folder}/`))
    .flatMap((file) =>
      imports
        .get(file)!
        .filter((target) => forbidden.test(target))
        .map((target) => [file, target]),
    );
  expect(wrong).toEqual([]);
});

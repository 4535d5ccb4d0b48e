/**
 * Build the widgets: one ES module for each entry in src/widget, and one style sheet from src/core/styles.
 * Build the JupyterLab extension: src/lab as one module, then JupyterLab's own builder.
 *
 *   node build.mjs             everything, minified
 *   node build.mjs editor      only the editor's entry and the style sheet
 *   node build.mjs lab         only the JupyterLab extension
 *   node build.mjs --dev       with source maps, not minified
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const widgets = join(here, 'src/widget');
const shared = ['adapter.ts']; // used by the entries, not one itself

const wanted = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const dev = process.argv.includes('--dev');

const widgetEntries = readdirSync(widgets)
  .filter((name) => name.endsWith('.ts') && !shared.includes(name))
  .map((name) => name.slice(0, -'.ts'.length));
const entries = [...widgetEntries, 'lab'];
const unknown = wanted.filter((name) => !entries.includes(name));
if (unknown.length) {
  console.error(`Unknown entry: ${unknown.join(', ')}. Expected one of: ${entries.join(', ')}.`);
  process.exit(1);
}

const options = {
  bundle: true,
  minify: !dev,
  sourcemap: dev ? 'inline' : false,
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
};
const styleSheet = (folder) =>
  readdirSync(join(here, folder))
    .filter((name) => name.endsWith('.css'))
    .sort() // so `_tokens.css` and the other foundations come first
    .map((name) => `@import "./${folder}/${name}";`)
    .join('\n');
const buildStyle = (folders, outfile) =>
  // One style sheet for all, because components are nested.
  build({
    ...options,
    stdin: { contents: folders.map(styleSheet).join('\n'), resolveDir: here, loader: 'css' },
    outfile,
  });

const chosen = wanted.length ? wanted : entries;
const chosenWidgets = chosen.filter((name) => name !== 'lab');
if (chosenWidgets.length) {
  const out = join(here, '../vibevoice_nb/widgets/static');
  await build({
    ...options,
    entryPoints: chosenWidgets.map((name) => join(widgets, `${name}.ts`)),
    format: 'esm',
    outdir: out,
  });
  await buildStyle(['src/core/styles'], join(out, 'style.css'));
}
if (chosen.includes('lab')) {
  // Packages stay imports: JupyterLab provides most of them, and its builder knows which.
  const lib = join(here, 'lib');
  await build({
    ...options,
    minify: false,
    entryPoints: [join(here, 'src/lab/index.ts')],
    packages: 'external',
    format: 'esm',
    outdir: lib,
  });
  await buildStyle(['src/core/styles', 'src/lab/styles'], join(lib, 'style.css'));
  const builder = join(here, 'node_modules/@jupyter/builder/lib/build-labextension.js');
  const core = join(here, 'node_modules/@jupyterlab/core-meta/core.package.json');
  execFileSync(process.execPath, [builder, '--core-package-file', core, ...(dev ? ['--development'] : []), here], {
    cwd: here,
    stdio: 'inherit',
  });
  copyFileSync(join(here, 'install.json'), join(here, '../vibevoice_nb/labextension/install.json'));
}

/**
 * Builds the widgets: one ES module for each entry in src/widget, and one style sheet from src/core/styles.
 *
 *   node build.mjs             everything, minified
 *   node build.mjs editor      only the editor's entry and the style sheet
 *   node build.mjs --dev       with source maps, not minified
 */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const widgets = join(here, 'src/widget');
const styles = join(here, 'src/core/styles');
const shared = ['adapter.ts']; // used by the entries, not one itself

const wanted = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const dev = process.argv.includes('--dev');

const entries = readdirSync(widgets)
  .filter((name) => name.endsWith('.ts') && !shared.includes(name))
  .map((name) => name.slice(0, -'.ts'.length));
const unknown = wanted.filter((name) => !entries.includes(name));
if (unknown.length) {
  console.error(`No widget called ${unknown.join(', ')}; there are ${entries.join(', ')}.`);
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
const out = join(here, '../vibevoice_nb/widgets/static');

await build({
  ...options,
  entryPoints: (wanted.length ? wanted : entries).map((name) => join(widgets, `${name}.ts`)),
  format: 'esm',
  outdir: out,
});
await build({
  ...options,
  stdin: {
    // One style sheet for all widgets: the room's parts show each other.
    contents: readdirSync(styles)
      .filter((name) => name.endsWith('.css'))
      .sort() // so `_tokens.css` and the other foundations come first
      .map((name) => `@import "./${name}";`)
      .join('\n'),
    resolveDir: styles,
    loader: 'css',
  },
  outfile: join(out, 'style.css'),
});

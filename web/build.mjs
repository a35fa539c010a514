import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const out = 'dist/playground';

// Roboto and Fira Code are nine tenths of GraphiQL's style sheet; playground.css names system fonts.
const withoutFonts = {
  name: 'without-fonts',
  setup(build) {
    build.onLoad({ filter: /graphiql\/dist\/style\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replace(/@font-face\s*{[^}]*}/g, ''),
      loader: 'css',
    }));
  },
};

async function licence(pkg) {
  const { name, version, license } = JSON.parse(await readFile(`${pkg}/package.json`, 'utf8'));
  const file = (await readdir(pkg)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? await readFile(`${pkg}/${file}`, 'utf8') : '';
  return `${name} ${version} (${license})\n\n${text.trim().replaceAll('\r\n', '\n')}\n`;
}

await rm(out, { recursive: true, force: true });

const { metafile } = await build({
  entryPoints: ['playground/playground.jsx'],
  outdir: `${out}/assets`,
  entryNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  keepNames: true, // GraphiQL says an icon's name to screen readers by that of its function
  metafile: true,
  format: 'iife',
  target: 'es2022',
  jsx: 'automatic',
  alias: { 'react-style-singleton': './playground/style-singleton.js' },
  loader: { '.graphql': 'text' },
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'none',
  plugins: [withoutFonts],
});

const packages = Object.keys(metafile.inputs).map((file) => file.match(/^.*node_modules\/(@[^/]+\/)?[^/]+/)?.[0]);
const licences = (await Promise.all([...new Set(packages)].filter(Boolean).sort().map(licence)))
  .join(`\n${'-'.repeat(80)}\n\n`);
const hash = createHash('sha256').update(licences).digest('hex').slice(0, 8);
await writeFile(`${out}/assets/licences-${hash}.txt`, licences);

let index = await readFile('playground/index.html', 'utf8');
for (const hashed of await readdir(`${out}/assets`)) {
  index = index.replace(hashed.replace(/-[^-]+\./, '.'), hashed);
}
await writeFile(`${out}/index.html`, index);

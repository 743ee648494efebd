import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Static files of one origin: no inline script or style, and no address of another origin. */
export default defineConfig({
  base: './',
  resolve: {
    // The sources, so that a build never uses an older build of the contract.
    alias: [
      { find: '@kora-wake/api/contract', replacement: source('../api/src/contract.ts') },
      { find: /^@kora-wake\/shared\/(.*)$/, replacement: source('../../packages/shared/src/$1.ts') },
    ],
  },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // The content security policy has no `data:` for fonts, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

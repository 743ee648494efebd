import { defineConfig } from 'vite';

/** Static files that need nothing but their own origin: no inline script or style, nothing fetched from elsewhere. */
export default defineConfig({
  base: './',
  // A font or an icon as a data: address would need more room in the policy than a file does.
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

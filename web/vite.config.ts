import { defineConfig } from 'vite';

export default defineConfig({
  // `npm run build` names this folder as the root.
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2023',
    // What the page needs comes from its own server by name: nothing is inlined, as its content security policy forbids that.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});

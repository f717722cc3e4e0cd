import { defineConfig } from 'vite';

// One script, one style sheet, one icon, all from the gateway's own origin: its Content-Security-Policy allows no
// inline code, no data: address and no other host.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: 'dist/page',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // The only polyfill Vite has would be an inline script's worth of nothing for one module.
    modulePreload: false,
    target: 'es2022',
    reportCompressedSize: true,
  },
  // `npx vite services/gateway/web` while working on the page: it reloads, and calls a gateway that runs.
  server: { host: '127.0.0.1', proxy: { '/v1': process.env.ZEN_GATEWAY ?? 'http://127.0.0.1:8080' } },
});

import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The server writes a fresh nonce in its place with every page; see `http/console-files.ts`. */
const noncePlaceholder = '__CSP_NONCE__';

export default defineConfig({
  root: import.meta.dirname,
  // Where the console lies is found out from the page (`<base href>`): behind a proxy it may be below any path.
  base: './',
  plugins: [react()],
  resolve: { conditions: ['source', 'module', 'browser', 'development|production'] },
  html: { cspNonce: noncePlaceholder },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: 'manifest.json',
    reportCompressedSize: false,
    chunkSizeWarningLimit: 800,
  },
  // `npm run dev -w packages/console`: the console with hot reload, on the server that `npm run dev` started.
  server: {
    proxy: Object.fromEntries(
      [
        '/api',
        '/apipublic',
        '/app',
        '/bundle',
        '/channel',
        '/device',
        '/organization',
        '/apikey',
        '/webhooks',
      ].map((path) => [path, 'http://localhost:8001']),
    ),
  },
});

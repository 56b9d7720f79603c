import type { FastifyInstance } from 'fastify';

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>capgo-server</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif; }
  main { max-width: 44rem; margin: 0 auto; padding: 2rem 1.25rem; }
  code, pre { font: 0.875rem/1.5 ui-monospace, monospace; }
  pre { padding: 1rem; border: 1px solid #8886; border-radius: 6px; overflow-x: auto; }
  td, th { text-align: left; vertical-align: top; padding: 0.25rem 1rem 0.25rem 0; }
</style>
</head>
<body>
<main>
<h1>capgo-server is running</h1>
<p>The web console is not part of this version yet. Everything it will do can be done with the management API, which
listens here. Send your management token as <code>x-api-key</code>.</p>
<table>
<tr><th scope="row"><code>GET /api/v1/bundles.list</code></th><td>uploaded bundles</td></tr>
<tr><th scope="row"><code>POST /api/v1/bundles.upload</code></th><td>upload a bundle (zip)</td></tr>
<tr><th scope="row"><code>POST /api/v1/bundles.delete</code></th><td>delete a bundle that no release uses</td></tr>
<tr><th scope="row"><code>GET /api/v1/releases.list</code></th><td>published native builds</td></tr>
<tr><th scope="row"><code>POST /api/v1/releases.create</code></th><td>register a native build</td></tr>
<tr><th scope="row"><code>POST /api/v1/releases.update</code></th><td>set its release date</td></tr>
<tr><th scope="row"><code>POST /api/v1/releases.set-active</code></th><td>choose the bundle its devices run</td></tr>
<tr><th scope="row"><code>POST /api/v1/releases.delete</code></th><td>forget a native build</td></tr>
<tr><th scope="row"><code>GET /api/v1/events.list</code></th><td>what devices reported</td></tr>
<tr><th scope="row"><code>GET /api/v1/events.count</code></th><td>how many reports there are</td></tr>
</table>
<h2>Upload a bundle</h2>
<pre>curl -H "x-api-key: $TOKEN" -F app_id=com.example.app -F version_name=1.0.1 \\
  -F bundle=@bundle.zip http://localhost:8001/api/v1/bundles.upload</pre>
</main>
</body>
</html>
`;

/** `/ui`: says what is there until the console is. */
export function addConsolePage(server: FastifyInstance): void {
  server.get('/ui', (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-cache')
      .header(
        'content-security-policy',
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
      )
      .header('x-content-type-options', 'nosniff')
      .send(page),
  );
}

const S = '^packages/server/src/';
const TEST = '\\.(test|contract|bench)\\.ts$';
const ADAPTERS = 'persistence|object-storage|bundle-archive|redis|outbound|identity';

/** One sentence a rule: what a change may not do, and why. */
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    rule(
      'no-cycles',
      'Two files that need each other are one file, or miss a third.',
      {},
      { circular: true },
    ),
    rule(
      'no-unresolvable',
      'An import that resolves to nothing fails on a clean machine.',
      {},
      { couldNotResolve: true },
    ),
    rule(
      'domain-is-pure',
      'Rules know nothing of HTTP, databases or time; node:crypto hashes, which is arithmetic.',
      { path: `${S}domain/`, pathNot: TEST },
      { pathNot: [`${S}domain/`, '^packages/protocol/src/formats/', '^(node:)?crypto$'] },
    ),
    rule(
      'ports-know-only-domain',
      'A port is written in domain words; of Node it knows only the stream type.',
      { path: `${S}ports/`, pathNot: TEST },
      { pathNot: [`${S}(ports|domain)/`, '^(node:)?stream$', '^packages/protocol/src/formats/'] },
    ),
    rule(
      'services-use-ports',
      'Services reach the outside only through a port.',
      { path: `${S}services/`, pathNot: TEST },
      { path: `${S}(?!services|domain|ports)` },
    ),
    rule(
      'adapters-do-not-call-up',
      'Adapters implement ports; they call neither services nor HTTP.',
      { path: `${S}(${ADAPTERS})/`, pathNot: TEST },
      {
        path: [
          `${S}(services|device-api|management-api|http|jobs|commands)/`,
          `${S}(compose|open-database|main|config|config-values)\\.ts$`,
        ],
      },
    ),
    rule(
      'apis-stay-apart',
      'The device API must start, scale and break alone.',
      { path: `${S}(device|management)-api/` },
      { path: `${S}(device|management)-api/`, pathNot: `${S}$1-api/` },
    ),
    rule(
      'apis-do-not-pick-adapters',
      'Only compose.ts and open-database.ts choose adapters.',
      { path: `${S}(device-api|management-api|http|commands|jobs)/`, pathNot: TEST },
      { path: `${S}(${ADAPTERS})/` },
    ),
    rule(
      'wire-types-stop-at-the-edge',
      'Wire schemas are mapped to domain types in the *-api folders.',
      { path: `${S}(domain|services|ports|${ADAPTERS})/`, pathNot: TEST },
      { path: '^packages/protocol/src/(device|management)/' },
    ),
    rule(
      'drivers-in-their-adapter',
      'A database driver, an archive reader or a cloud SDK appears in one folder only.',
      {
        path: S,
        pathNot: [
          `${S}(persistence/(sqlite|postgres|mongo|sql)|object-storage|bundle-archive|redis|identity|testing)/`,
          TEST,
        ],
      },
      { path: 'node_modules/(mongodb|pg|better-sqlite3|kysely|@aws-sdk|@redis|yauzl|jose)/' },
    ),
    rule(
      'production-never-imports-tests',
      'Test helpers may lean on production code, never the reverse.',
      { path: '^packages/', pathNot: [TEST, `${S}testing/`, '/contract/'] },
      { path: [TEST, `${S}testing/`, '/contract/'] },
    ),
    rule(
      'clients-know-only-the-protocol',
      'CLI and console talk to the server over HTTP only.',
      { path: '^packages/(cli|console)/' },
      { path: '^packages/server/' },
    ),
    rule(
      'protocol-is-a-leaf',
      'The wire contract depends on nothing of ours.',
      { path: '^packages/protocol/' },
      { path: '^packages/(?!protocol)' },
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'types', 'node', 'default'],
      extensions: ['.ts', '.js', '.cjs', '.mjs', '.d.ts'],
    },
  },
};

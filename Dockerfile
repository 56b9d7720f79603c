# The server in a container: `docker build -t capgo-server .`, on amd64 and arm64 alike.
# scripts/check-containers.ts runs what stands here outside a container. It needs RUN commands without absolute paths,
# and one instruction a line or joined by backslashes.

# The Node that `npm ci` installs for development, so that what was tested is what runs.
FROM node:24.21.0-bookworm-slim AS base

FROM base AS build
WORKDIR /app
# Before the sources, so that a change of them does not install anew.
COPY package.json package-lock.json .npmrc ./
COPY packages/protocol/package.json packages/protocol/
COPY packages/server/package.json packages/server/
# No package that the server needs runs a script at its installation; none that comes later may without a decision.
RUN npm ci --omit=dev --ignore-scripts --workspace=packages/server
# SQLite's C sources and its binaries for other systems: a quarter of the installation.
RUN rm -rf node_modules/better-sqlite3/deps node_modules/better-sqlite3/src \
    && find node_modules/better-sqlite3/prebuilds -type f ! -name 'linux-*' -delete \
    && mkdir empty

# The console: files that the server only reads. Its bundler and libraries stay behind in this stage.
FROM base AS console
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/protocol/package.json packages/protocol/
COPY packages/console/package.json packages/console/
RUN npm ci --ignore-scripts --workspace=packages/console
COPY tsconfig.json ./
COPY packages/protocol packages/protocol
COPY packages/console packages/console
RUN node --conditions=source packages/console/build.ts

FROM base
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="capgo-server" \
      org.opencontainers.image.description="Self-hosted live-update (OTA) server for Capacitor apps that use @capgo/capacitor-updater" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
# Node must not look for a compile cache in /tmp: on a read-only root there is none, and a new container starts without.
ENV NODE_ENV=production \
    DATA_DIR=/data \
    NODE_COMPILE_CACHE=/app/compile-cache
WORKDIR /app
COPY LICENSE ./
COPY --from=build /app/node_modules node_modules
COPY packages/protocol packages/protocol
COPY packages/server packages/server
COPY --from=console /app/packages/console/dist packages/console/dist
# A volume starts with the owner of the folder it covers. Everything else belongs to root: the server cannot change itself.
COPY --from=build --chown=node:node /app/empty /data
COPY --from=build --chown=node:node /app/empty compile-cache
USER node
# Fills the compile cache by loading every module once. It is good for this user and these flags only.
RUN node --max-semi-space-size=4 --heap-growing-percent=20 --conditions=source packages/server/src/main.ts help
VOLUME ["/data"]
EXPOSE 8000 8001 8081
# Only whether the process answers: update checks go on without the database and the storage, so a server that has lost
# them must not be taken out of service.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["node", "--max-semi-space-size=4", "--heap-growing-percent=20", "--conditions=source", "/app/packages/server/src/healthcheck.ts"]
# Node itself is process 1 and gets SIGTERM. Paths are absolute, so that another working directory does no harm.
ENTRYPOINT ["node", "--max-semi-space-size=4", "--heap-growing-percent=20", "--conditions=source", "/app/packages/server/src/main.ts"]
CMD ["serve"]

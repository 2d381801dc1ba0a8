# One image for every process of Songmill; the command says which one it is:
#   node packages/api/dist/main.js | node packages/worker/dist/main.js | node packages/simulator/dist/main.js
# and `songmill` is the command line.
# e2e/images/steps.test.ts runs the steps of the build stage in a plain shell and starts what comes out, so they stay
# within the working folder and use nothing that only a builder of images has.

FROM node:24-bookworm-slim AS build
WORKDIR /app
RUN npm install --global --no-audit --no-fund pnpm@12.21.0
# The lockfile alone decides what is fetched: a change of the sources leaves this layer as it is.
COPY .npmrc pnpm-lock.yaml pnpm-workspace.yaml ./
RUN pnpm fetch --frozen-lockfile
COPY . .
RUN pnpm install --frozen-lockfile --offline
RUN node scripts/build.mjs
# What is left runs: no sources, tests, types or tools.
RUN rm -rf node_modules packages/*/node_modules packages/*/src \
  && find packages -type d -name testing -prune -exec rm -rf {} + \
  && find packages -type f \( -name '*.test.*' -o -name '*.map' -o -name '*.d.ts' -o -name '*.tsbuildinfo' \) -delete \
  && pnpm install --prod --frozen-lockfile --offline --filter './packages/*'

FROM node:24-bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="songmill" \
  org.opencontainers.image.description="A self-hosted queue for AI music generation" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"

WORKDIR /app
COPY --from=build /app/LICENSE /app/package.json ./
COPY --from=build /app/scripts/health.mjs ./scripts/health.mjs
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/packages ./packages
# All that is ever written is below /data, and /tmp. The link gives `./data`, where defaults point, the same place.
# New volumes take over the owner of the folder that they cover.
RUN mkdir -p /data/songs /data/spool && chown -R 1000:1000 /data && ln -s /data /app/data \
  && ln -s /app/packages/client/bin/songmill.mjs /usr/local/bin/songmill

ENV NODE_ENV=production \
  API_HOST=0.0.0.0 \
  SIMULATOR_HOST=0.0.0.0 \
  WORKER_PORT=9090 \
  STORAGE_URL=file:/data/songs \
  SPOOL_DIR=/data/spool \
  SIMULATOR_LEDGER=/data/ledger.jsonl
VOLUME ["/data/songs", "/data/spool"]
EXPOSE 8080
USER 1000:1000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["node", "scripts/health.mjs"]
CMD ["node", "packages/api/dist/main.js"]

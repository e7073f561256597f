# Portolan with its locked dependencies: `docker build -t portolan .`
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.base.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run -s build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# `import { defineConfig } from 'portolan'` of a configuration that is mounted in /etc/portolan.
RUN mkdir -p /etc/node_modules && ln -s /app /etc/node_modules/portolan
USER 1000:1000
ENTRYPOINT ["node", "/app/dist/cli.js"]
CMD ["help"]

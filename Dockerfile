# Production image: the service alone, without the embedded PostgreSQL and the development tools.
FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json knexfile.ts ./
COPY migrations migrations
COPY src src
# Mails as files go here where SMTP_URL is not set; nothing else is ever written.
RUN mkdir .data && chown node:node .data
VOLUME /app/.data
USER node
EXPOSE 4242
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 4242}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Not through npm, which would keep SIGTERM to itself.
CMD ["node", "--max-old-space-size=256", "--max-semi-space-size=16", "src/main.ts"]

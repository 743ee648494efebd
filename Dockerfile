# One image for the three apps and the commands. The command of the container says which one runs.
FROM node:24-slim AS manifests
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/shared/package.json packages/shared/
COPY packages/backtest/package.json packages/backtest/
COPY apps/tailer/package.json apps/tailer/
COPY apps/worker/package.json apps/worker/
COPY apps/api/package.json apps/api/
COPY apps/cli/package.json apps/cli/
COPY apps/console/package.json apps/console/

FROM manifests AS build
RUN npm ci
COPY turbo.json tsconfig.base.json ./
COPY packages packages
COPY apps apps
RUN npm run build

FROM manifests
ENV NODE_ENV=production
# The optional packages are a Node and accelerators for other platforms. The image has its own Node.
RUN npm ci --omit=dev --omit=optional && npm cache clean --force && mkdir /log && chown 1000:1000 /log
COPY packages/shared/lua packages/shared/lua
COPY --from=build /app/packages/shared/dist packages/shared/dist
COPY --from=build /app/packages/backtest/dist packages/backtest/dist
COPY --from=build /app/apps/tailer/dist apps/tailer/dist
COPY --from=build /app/apps/worker/dist apps/worker/dist
COPY --from=build /app/apps/api/dist apps/api/dist
COPY --from=build /app/apps/cli/dist apps/cli/dist
COPY --from=build /app/apps/console/dist apps/console/dist
# The user `node` as a number: Kubernetes can then check that it is not root.
USER 1000:1000
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["apps/worker/dist/main.js"]

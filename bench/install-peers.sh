#!/bin/sh
# What the bench needs beside npm's packages, from Debian's own: PostgreSQL, nginx and pgbouncer as production runs them.
# Debian starts each of them by itself; the bench starts its own, on free ports and with its own files.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends nginx-light pgbouncer postgresql
for service in nginx pgbouncer postgresql; do service "$service" stop || true; done

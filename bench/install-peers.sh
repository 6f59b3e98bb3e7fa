#!/bin/sh
# What the bench needs beside npm's packages, from Debian's own: PostgreSQL, nginx and pgbouncer as production runs them.
# Debian would start each of them; the bench starts its own, on free ports and with its own files. What runs already goes on.
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
fi
apt-get update
apt-get install --yes --no-install-recommends nginx-light pgbouncer postgresql

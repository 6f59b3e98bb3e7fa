#!/bin/sh
# Asks the tools that these files are for what is wrong with them: Docker Compose, kubectl, Prometheus, systemd. Those that
# are not installed are named and passed over; with --all they count as wrong.
cd "$(dirname "$0")/.." || exit
all=${1:-}
status=0
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT

# ask <file> <tool> <argument>…: it must succeed and, since some only warn of what they don't know, not warn.
ask() {
  file=$1
  shift
  if ! command -v "$1" > /dev/null; then
    echo "- $file: not asked, there is no $1"
    [ "$all" = --all ] && status=1
    return
  fi
  # What systemd says of the machine's own units is not about ours.
  if "$@" > "$scratch/out" 2> "$scratch/err" && ! grep -qv '^\(/usr\)\{0,1\}/lib/systemd/' "$scratch/err"; then
    echo "✓ $file: $1"
  else
    echo "✗ $file: $*"
    cat "$scratch/out" "$scratch/err"
    status=1
  fi
}

if docker compose version > /dev/null 2>&1; then
  ask docker-compose.yml docker compose config --quiet
else
  ask docker-compose.yml docker-compose config --quiet
fi
ask ops/kubernetes kubectl kustomize ops/kubernetes
ask ops/alerts.rules.yml promtool check rules ops/alerts.rules.yml
ask ops/alerts.test.yml promtool test rules ops/alerts.test.yml
unit=ops/systemd/checkout-fulfillment@.service
ask $unit systemd-analyze verify --recursive-errors=no $unit

exit $status

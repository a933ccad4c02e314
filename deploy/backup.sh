#!/bin/sh
# One encrypted backup, and away with those that are older than so many days. What runs it, runs it
# again tomorrow: a systemd timer, a CronJob, the loop in compose.yaml.
#   askel-backup FOLDER DAYS [flags of `askel backup`]
set -eu
umask 077
folder=$1
days=$2
shift 2
askel backup "$@" --to "$folder/askel-$(date -u +%Y%m%dT%H%M%SZ).backup"
# After a good one only: while none is made, the old ones stay. `.partial` is what a kill left.
find "$folder" -maxdepth 1 -type f \( -name 'askel-*.backup' -o -name 'askel-*.backup.partial' \) \
    -mtime "+$days" -delete

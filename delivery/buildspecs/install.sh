#!/bin/sh
# Installs what delivery needs, the lock delivery/requirements.txt, and prints the folder, for PYTHONPATH. Where
# CodeBuild's local cache keeps the folder from one build of a project to the next, it is there already: 3 to 4 s of
# each action less.
#   sh delivery/buildspecs/install.sh FOLDER_OF_THE_CACHE
set -eu
cache=$1
# AWS's images have several versions, of which runtime-versions selects one; another image has the one that it has.
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  echo "delivery needs Python 3.11 or later, and this build image has $(python3 --version 2>&1 | head -n 1); set slipway:pipeline.image to another" >&2
  exit 1
}
key=$({ python3 --version; cat delivery/requirements.txt; } | sha256sum | cut -c1-16)
if [ ! -e "$cache/$key" ]; then
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/new-XXXXXX")
  python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --root-user-action=ignore --target "$new" \
    --require-hashes --no-deps -r delivery/requirements.txt >&2
  # Another build may have been first; a folder is complete or not there.
  mv -T "$new" "$cache/$key" 2>/dev/null || rm -rf "$new"
fi
echo "$cache/$key"

#!/bin/sh
# The checked-in contracts must be what the protos generate.
set -eu
before=$(git status --porcelain -- packages/contracts)
npx buf lint
npx buf generate
npx buf build --as-file-descriptor-set --exclude-source-info -o packages/contracts/descriptors.binpb
after=$(git status --porcelain -- packages/contracts)
if [ "$before" != "$after" ]; then
  echo "generated code is out of date: run 'npm run gen' and commit packages/contracts" >&2
  git --no-pager diff --stat -- packages/contracts >&2
  exit 1
fi
echo "generated: up to date"

#!/bin/sh
# The checked-in contracts must be what the protos generate.
set -eu
before=$(git status --porcelain -- packages/contracts)
npx buf lint
npm run -s gen
after=$(git status --porcelain -- packages/contracts)
if [ "$before" != "$after" ]; then
  echo "generated code is out of date: run 'npm run gen' and commit packages/contracts" >&2
  git --no-pager diff --stat -- packages/contracts >&2
  exit 1
fi
echo "generated: up to date"

#!/bin/sh
# Makes src/mp3-wasm.ts from mp3.c and minimp3 (CC0), which the npm package of that name carries. Needs clang and lld
# (apt-get install clang lld); only who changes mp3.c or the package's version runs it.
set -eu
cd "$(dirname "$0")"
wasm=$(mktemp)
trap 'rm -f "$wasm"' EXIT
# A relative path and no names: the bytes depend on the compiler's version alone.
clang --target=wasm32 -O2 -ffreestanding -fno-builtin -nostdlib -nostdlibinc -isystem include -I../node_modules/minimp3/lib -Wall -Wno-unused-function \
  -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=65536 -Wl,--stack-first -o "$wasm" mp3.c
{
  echo '// Made by native/build.sh from native/mp3.c and minimp3 (CC0); not to be edited.'
  printf "export const MP3_WASM =\n  '"
  base64 -w0 "$wasm"
  echo "';"
} >../src/mp3-wasm.ts

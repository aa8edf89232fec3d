#!/usr/bin/env bash
# A function aligned to 32 bytes is not aligned any more after `ld -r` and a relaxing link.
#
# Tool: GNU as and ld 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: an object with two calls that relaxation shortens, and one whose section is aligned to 32 bytes by `.balign 32`
# under .option norelax (so without R_RISCV_ALIGN: the section's alignment says it all). They are joined by `ld -r`, and the
# result is linked.
# Expected: the function's address is a multiple of 32, as it is when both objects are linked at once.
# Seen: it is not. `ld -r` pads between the two sections and marks the padding by no relocation, so the bytes that
# relaxation deletes from the first move the second.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq binutils-riscv64-linux-gnu=2.40-2 libbinutils=2.40-2 libjansson4=2.14-2 >download.log 2>&1 ||
  { cat download.log; echo "cannot get the packages"; exit 2; }
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libbfd-2.40-riscv64.so')")
export LD_LIBRARY_PATH
tools=$work/root/usr/bin/riscv64-linux-gnu-

cat >first.s <<'S'
        .globl  _start
_start: call    f
        call    f
f:      ret
S
cat >second.s <<'S'
        .option norelax
        .globl  aligned
        .balign 32
aligned: ret
S
for name in first second; do "${tools}as" -march=rv64gc "$name.s" -o "$name.o"; done
"${tools}ld" -r first.o second.o -o joined.o
"${tools}ld" first.o second.o -o at_once
"${tools}ld" joined.o -o in_steps
address() { "${tools}nm" "$1" | sed -n 's/ T aligned$//p'; }
echo "linked at once: $(address at_once), in two steps: $(address in_steps)"
(((0x$(address at_once) % 32) == 0)) && (((0x$(address in_steps) % 32) != 0))

#!/usr/bin/env bash
# GNU ld's -Bsymbolic-functions binds every symbol that is no object, also labels without a type.
#
# Tools: GNU as, ld and readelf 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: a shared object that calls `typed`, which has `.type typed, @function`, and `label`, which has no type, and
# names `datum`, an object.
# Seen: neither call goes through the PLT; only the word for `datum` is left to the loader. The manual speaks of
# "references to global function symbols", so that one expects the call of a label in assembly to stay preemptible.
# The option makes what a --dynamic-list of all data makes (ld/lexsup.c), and functions are what is left.
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

cat >input.s <<'END'
        .globl  typed, label, datum
        .type   typed, @function
        .type   datum, @object
typed:  call    typed
        call    label
label:  ret
        .data
datum:  .dword  datum
END
"${tools}as" -fpic input.s -o input.o
"${tools}ld" -shared input.o -o plain.so
"${tools}ld" -shared -Bsymbolic-functions input.o -o bound.so
"${tools}readelf" -rW plain.so >plain
"${tools}readelf" -rW bound.so | tee bound
grep -q 'JUMP_SLOT.* label' plain || { echo "the call was never preemptible"; exit 1; }
grep -q 'JUMP_SLOT' bound && { echo "a call is preemptible now"; exit 1; }
grep -q 'R_RISCV_64 .* datum' bound || { echo "the object is bound now"; exit 1; }

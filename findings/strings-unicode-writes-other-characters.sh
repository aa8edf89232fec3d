#!/usr/bin/env bash
# strings --unicode=escape writes the number of another character beyond U+FFFF, and --unicode=locale one byte of each.
#
# Tool: GNU strings 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: a file with U+2213 and U+10400 (valid UTF-8) between letters.
# Seen: U+2213 is \u2213, but U+10400 is \u040400. With
# --unicode=locale only the first byte of each sequence comes out. --unicode=show, which --help lists, is refused; locale,
# which it does not list, is taken.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq binutils-riscv64-linux-gnu=2.40-2 libbinutils=2.40-2 libjansson4=2.14-2 >download.log 2>&1 ||
  { cat download.log; echo "cannot get the packages"; exit 2; }
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libbfd-2.40-riscv64.so')")
export LD_LIBRARY_PATH
strings=$work/root/usr/bin/riscv64-linux-gnu-strings

printf 'left\xe2\x88\x93right up\xf0\x90\x90\x80down' >input
"$strings" --version | head -1
"$strings" --unicode=escape input | tee escaped
"$strings" --unicode=locale input | od -An -c | tee bytes
status=0
"$strings" --unicode=show input >shown 2>&1 || status=$?
cat shown
"$strings" --help | grep -o 'unicode={[^}]*}' | tee listed

grep -qF 'left\u2213right' escaped
grep -qF 'up\u040400down' escaped
grep -q 'l *e *f *t *342 *r *i *g *h *t' bytes
[ "$status" -ne 0 ]
grep -q 'invalid argument to -U/--unicode: show' shown
grep -q 'show' listed

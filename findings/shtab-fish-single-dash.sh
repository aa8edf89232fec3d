#!/usr/bin/env bash
# shtab declares single-dash options of several letters to fish as short ones (`-s mabi`), so fish completes none of them.
#
# Tools: shtab 1.13.0 (PyPI), fish 3.6.0 (Debian fish 3.6.0-3.1+deb12u1), libpcre2-32-0 10.42-1.
# Input: a parser with the option -mabi, as `as` and gcc have it.
# Seen: the script has `-s mabi`; fish completes `prog -m` to nothing of that name. With `-o mabi`, which fish(1)
# calls an old-style option, it completes to -mabi.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check shtab==1.13.0 >download.log 2>&1 || { cat download.log; echo "cannot get shtab"; exit 2; }
apt-get download -qq fish=3.6.0-3.1+deb12u1 libpcre2-32-0 >download.log 2>&1 || { cat download.log; echo "cannot get the packages"; exit 2; }
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libpcre2-32.so.0')")
export LD_LIBRARY_PATH HOME=$work
fish=$work/root/usr/bin/fish

cat >make.py <<'PYTHON'
import argparse, shtab
parser = argparse.ArgumentParser(prog="prog")
parser.add_argument("-mabi", choices=("lp64", "lp64d"))
print(shtab.complete(parser, "fish"))
PYTHON
venv/bin/python make.py >script.fish
grep -e '-s mabi' script.fish
sed 's/-s mabi/-o mabi/' script.fish >mended.fish
offered() { "$fish" --no-config -c "source $1; complete -C 'prog -m'" 2>/dev/null; }
! offered script.fish | grep -e '^-mabi'
offered mended.fish | grep -e '^-mabi'
"$fish" --version

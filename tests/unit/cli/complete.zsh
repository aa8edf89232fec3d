# Prints what zsh offers for each line of standard input, which ends where the cursor is: `> LINE`, and a match a line.
# Usage: zsh -f complete.zsh SCRIPT FOLDER < LINES. zsh completes on a terminal only, so it runs in one of its own.
zmodload zsh/zpty
script=$1
cd $2
zpty shell zsh -f -i
read -r -d '' setup <<'SETUP'
stty -echo
PROMPT= RPROMPT= LISTMAX=1000000 LINES=100000 COLUMNS=200
autoload -Uz compinit && compinit -u -D
zstyle ':completion:*' insert-tab false
bindkey -e
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a matches
  builtin compadd -A matches "$@"
  print -rl -- "<m>"$^matches"</m>"
  return 0
}
offered() { print -r -- "<end>"; }
comppostfuncs=(offered)
SETUP
print -r -- "$setup" > $2/.setup
zpty -w shell "source $2/.setup; eval \"\$(cat $script)\"; comppostfuncs=(offered); print '<ready''>'"
until [[ $output == *'<ready>'* ]]; do zpty -r shell output || exit 1; done
while IFS= read -r line; do
  print -r -- "> $line"
  zpty -w -n shell "${line//\\t/ }"$'\t'
  found=
  until [[ $found == *'<end>'* ]]; do zpty -r shell output || exit 1; found+=$output; done
  print -r -- "$found" | tr -d '\r' | sed -n 's/^.*<m>\(.*\)<\/m>.*$/\1/p'
  zpty -w -n shell $'\C-u'
  comppostfuncs=(offered)
  zpty -w shell "comppostfuncs=(offered); print '<ready''>'"
  output=
  until [[ $output == *'<ready>'* ]]; do zpty -r shell output || exit 1; done
done
zpty -d shell

#!/usr/bin/env bash
# The objects that are compiled for more than the baseline must define nothing that the linker may take in place of
# another object's copy (weak symbols: inline functions, templates of shared types). A CPU without those instructions
# would die in it. Argument: a file with the names of all objects of libtamis.
set -u
checked=0
failed=0
while read -r object; do
  [[ $object =~ _(avx2|avx512|avx512bf16|amx)\.cpp\.o$ ]] || continue
  checked=$((checked + 1))
  if shared=$(nm -C "$object" | grep -E ' [WVu] '); then
    echo "$object shares with other objects:"
    echo "$shared"
    failed=1
  fi
done < "${1:?a file of names}"
if [[ $checked -eq 0 ]]; then
  echo "no object named _avx2, _avx512, _avx512bf16 or _amx in $1"
  exit 1
fi
echo "$checked objects share nothing"
exit $failed

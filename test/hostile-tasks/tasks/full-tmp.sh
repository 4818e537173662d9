complaint=$(dd if=/dev/zero of=/tmp/full bs=1M count=400 2>&1)
code=$?
printf '%s\n' "$complaint" | grep -o 'No space left.*'
end $((code == 0 ? 0 : 28))

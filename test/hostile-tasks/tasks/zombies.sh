# 300 orphans that the container's first process has to reap, and 100 zombies whose parents never will.
n=0
while [ $n -lt 300 ]; do
  (sleep 0.01 &)
  n=$((n + 1))
done
n=0
while [ $n -lt 100 ]; do
  (sleep 0.01 & exec sleep 1000) &
  n=$((n + 1))
done
sleep 3
zombies=0 orphans=0
for stat in /proc/[0-9]*/stat; do
  read -r _ _ state parent _ <"$stat" || continue
  [ "$state" = Z ] || continue
  zombies=$((zombies + 1))
  [ "$parent" != 1 ] || orphans=$((orphans + 1))
done 2>/dev/null
printf '{"zombies":%s,"unreaped":%s}' $zombies $orphans >"$ERRAND_OUTPUT"
end 0

#!/bin/sh
# Begins every hostile task: it counts itself where Errand does not look.
execution=$(cat /proc/sys/kernel/random/uuid)
tell() {
  curl -q -s -f -m 20 -o /dev/null --data "$ERRAND_RUN_ID $ERRAND_ATTEMPT $execution $1" "$Tally" </dev/null
}
# Ends with $1, having said so.
end() {
  tell "ended $1"
  exit "$1"
}
# Says how many processes the kernel counts, whenever there are more than ever; it needs no new one for that.
count() {
  most=0
  for file in /sys/fs/cgroup/pids/pids.current /sys/fs/cgroup/pids.current; do [ ! -r $file ] || break; done
  while read -r now <$file; do
    [ "$now" -le $most ] || { most=$now && echo "processes $most"; }
  done
}
tell begun

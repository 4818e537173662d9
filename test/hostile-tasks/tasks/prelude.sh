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
tell begun

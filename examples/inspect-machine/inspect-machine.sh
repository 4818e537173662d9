#!/bin/sh
# Reads what the kernel says about memory, load and disks; leaves a JSON result and a CSV file.
set -eu

: "${LeastFreePercent:=0}"
: "${ERRAND_OUTPUT:=/dev/stdout}"
: "${ERRAND_OUTPUT_DIR:=.}"
csv=$ERRAND_OUTPUT_DIR/machine.csv

# kind,name,total and free in KiB,free in percent
echo 'kind,name,totalKiB,freeKiB,freePercent' >"$csv"
awk '
    $1 == "MemTotal:" { total = $2 }
    $1 == "MemAvailable:" { free = $2 }
    END { printf "memory,memory,%d,%d,%d\n", total, free, free * 100 / total }
' /proc/meminfo >>"$csv"
df -P -k / | awk 'NR > 1 { printf "disk,%s,%d,%d,%d\n", $6, $2, $4, ($2 > 0 ? $4 * 100 / $2 : 0) }' >>"$csv"

while IFS=, read -r kind name total free percent; do
    [ "$kind" = kind ] || echo "$kind $name: $free of $total KiB free ($percent %)"
done <"$csv"
read -r load _ </proc/loadavg
echo "load: $load"

awk -F, -v load="$load" -v least="$LeastFreePercent" '
    NR > 1 {
        items = items (items == "" ? "" : ",") sprintf("{\"kind\":\"%s\",\"name\":\"%s\",\"totalKiB\":%d,\"freeKiB\":%d,\"freePercent\":%d}", $1, $2, $3, $4, $5)
        if ($5 < least) short = 1
    }
    END { printf "{\"enough\":%s,\"load\":%s,\"items\":[%s]}\n", short ? "false" : "true", load, items }
' "$csv" >"$ERRAND_OUTPUT"

if awk -F, -v least="$LeastFreePercent" 'NR > 1 && $5 < least { short = 1 } END { exit !short }' "$csv"; then
    echo "less than $LeastFreePercent % is free" >&2
    exit 2
fi

#!/bin/sh
# An ignored signal stays ignored in every child.
trap '' TERM INT

tick=0
while :; do
    tick=$((tick + 1))
    echo "tick $tick"
    sleep 1
done

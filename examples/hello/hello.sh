#!/bin/sh
set -eu

: "${Name:?is who shall be greeted}"

echo "Hello, ${Name}!"
echo "This is attempt ${ERRAND_ATTEMPT} of run ${ERRAND_RUN_ID}, on $(uname -sm)."

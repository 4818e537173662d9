#!/bin/sh
echo 'about to fail'
echo 'something went wrong: this is what it looks like' >&2
exit "${ExitCode:-3}"

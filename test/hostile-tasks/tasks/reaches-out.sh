# Looks for secrets wherever it can reach, and for anything that would let it reach further. Secrets are told by their beginning, $Prefix; its own
# are found, too, which shows that the search works. Only addresses of its own network are dialled.
found=$(mktemp -d)
take() { tr -c 'a-z0-9' '\n' | grep -o "${Prefix}[0-9a-f]\{24\}" >>"$found/values"; }
list() { sort -u "$1" 2>/dev/null | awk '{ printf("%s\"%s\"", (NR > 1 ? "," : ""), $0) }'; }

# Processes: environment, command line, and what is writable of the memory.
processes=0
for process in /proc/[0-9]*; do
  [ -r "$process/environ" ] || continue
  processes=$((processes + 1))
  take <"$process/environ"
  take <"$process/cmdline"
  while read -r range access _; do
    case $access in rw*) ;; *) continue ;; esac
    from=$((0x${range%-*} / 4096)) to=$((0x${range#*-} / 4096))
    [ $((to - from)) -le 4096 ] || continue
    dd if="$process/mem" bs=4096 skip=$from count=$((to - from)) 2>/dev/null | take
  done <"$process/maps"
  cat "$process/root/errand/ticket" "$process/root/errand/log" 2>/dev/null | take
done 2>/dev/null

# Files of all mounts, sockets, and ways up and sideways.
find / \( -path /proc -o -path /sys -o -path "$found" \) -prune -o -type f -size -2000k -print 2>/dev/null |
  while IFS= read -r file; do take <"$file"; done 2>/dev/null
cat /errand/../*/ticket /errand/../../*/*/ticket /errand-executable/../* 2>/dev/null | take
find / \( -path /proc -o -path /sys \) -prune -o -type s -print 2>/dev/null >"$found/sockets"

# What would be of the host: devices, and files of the kernel that are opened and left as they are.
opened() { echo "$1" >>"$found/opened"; }
while read -r major minor _ name; do
  case $major in '' | *[!0-9]*) continue ;; esac
  mknod "$found/$name" b "$major" "$minor" && [ -n "$(head -c 1 "$found/$name" | od -An -tx1)" ] && opened "$name"
done </proc/partitions 2>/dev/null
for file in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/vm/panic_on_oom /sys/kernel/uevent_helper /sys/fs/cgroup/*/release_agent; do
  [ ! -e "$file" ] || { (: >>"$file") 2>/dev/null && opened "$file"; }
done
for file in /proc/kcore /proc/kmsg /dev/mem /dev/kmsg; do
  [ ! -e "$file" ] || [ -z "$(timeout 1 head -c 1 "$file" 2>/dev/null | od -An -tx1)" ] || opened "$file"
done
mkdir "$found/mount" && mount -t proc proc "$found/mount" 2>/dev/null && opened mount
unshare -U true 2>/dev/null && opened 'user namespace'

# The network: itself, to show that knocking works, then others.
knock() { [ -z "$(curl -q -s -m 3 "http://$2/$3" 2>/dev/null)" ] || echo "$1" >>"$found/reached"; }
(printf 'HTTP/1.0 200 OK\r\n\r\nitself\n' | nc -l -p 8081) >/dev/null 2>&1 &
sleep 0.5
gateway=$(ip route | awk '$1 == "default" { print $3 }')
knock itself 127.0.0.1:8081
knock neighbour "$Neighbour:8080"
knock 'orchestrator on loopback' "127.0.0.1:$Port" api/runs
knock 'orchestrator' "$gateway:$Port" api/runs
for port in 2375 2376; do knock 'engine' "$gateway:$port" info; done
# The metadata service is asked only where its address is one of this very namespace.
if ip -o address show dev lo | grep -q 169.254.169.254; then
  curl -q -s -m 3 -H Metadata:true 'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x' |
    grep -q access_token && echo metadata >>"$found/reached"
fi

# Blob storage: what the runner's signed addresses open besides the attempt's own exchange.
: >"$found/blobs"
for process in /proc/[0-9]*; do tr '\0' '\n' <"$process/environ"; done 2>/dev/null | grep '^ERRAND_[A-Z]*_URL=' | sort -u |
  while IFS= read -r line; do
    url=${line#*=} name=${line%%=*}
    path=${url%%\?*} query=${url#*\?}
    folder=${path%/*}
    ask() {
      what=$1
      shift
      code=$(curl -q -s -m 5 -o /dev/null -w '%{http_code}' "$@")
      case $code in 2*) echo "$what with $name" >>"$found/blobs" ;; esac
    }
    case $name in ERRAND_FENCE_URL) ask 'own fence' "$url" ;; esac
    root=${path%/exchanges/*}
    [ "$name" != ERRAND_EXECUTABLE_URL ] || root=$folder
    for file in fence result.json log output.json; do
      ask "$file of the neighbour" "$root/exchanges/$Other/1/$file?$query"
      ask "$file of the neighbour without a signature" "$root/exchanges/$Other/1/$file"
    done
    ask 'list' "$root?restype=container&comp=list&$query"
    ask 'list of all' "${root%/*}/?comp=list&$query"
    ask 'write to the neighbour' -X PUT -H 'x-ms-blob-type: BlockBlob' --data x "$root/exchanges/$Other/1/forged?$query"
    ask 'delete' -X DELETE "$url"
    case $name in
      ERRAND_EXECUTABLE_URL)
        ask 'write the executable' -X PUT -H 'x-ms-blob-type: BlockBlob' --data x "$url"
        ask 'another executable' "$folder/neighbour.sh?$query"
        ;;
    esac
  done

printf '{"found":[%s],"processes":%s,"sockets":[%s],"opened":[%s],"reached":[%s],"blobs":[%s]}' "$(list "$found/values")" $processes \
  "$(list "$found/sockets")" "$(list "$found/opened")" "$(list "$found/reached")" "$(list "$found/blobs")" >"$ERRAND_OUTPUT"
end 0

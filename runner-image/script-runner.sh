#!/bin/sh
# Carries out one attempt of a run: checks the executable, takes the attempt's start fence, runs the executable
# with a time limit, keeps its log with secret values masked, and leaves a result. docs/runner.md is its manual.
#
#   script-runner.sh DIR        the exchange is a directory
#   script-runner.sh            the exchange is signed URLs, named by ERRAND_* variables
#   script-runner.sh http…://…  download, make executable, run: no fence, no result, the task's own exit code
#
# POSIX sh. Utilities: cat date ln ls mkdir mkfifo od rm sleep tee wc; sha256sum where a checksum is given; awk
# (and perl, if it is there) where secret values are to be masked; chmod, curl and dd for signed URLs.
# Exit: 0 a result was left, or the fence is somebody else's; 70 no result could be left; 64 wrong usage.
#
# Names of variables here begin with an underscore: no parameter's name may, so none of ours is ever one of the task's.
set -u
# What we leave is read by others; the task gets its own mask back.
_umask=$(umask)
umask 022
_exchange='' _scratch=''

say() { printf 'errand runner: %s\n' "$*" >&2; }
die() {
  say "$*"
  discard
  exit 70
}
# Removes the scratch directory where it is nobody else's.
discard() {
  case $_exchange in blob | unfenced) rm -rf "$_scratch" ;; esac
}
have() { command -v "$1" >/dev/null 2>&1; }
nap() { sleep "$1" 2>/dev/null || sleep 1; }

# Sends signal $2 to process $3 after $1 seconds, unless ended before. A relative sleep does not follow the wall clock.
timer() {
  (
    trap 'kill "$_sleep" 2>/dev/null; exit 0' TERM
    sleep "$1" &
    _sleep=$!
    wait $_sleep && kill "-$2" "$3"
  ) </dev/null >/dev/null 2>&1 3>&- 6>&- &
}

# wget for at most $1 seconds. Its own -T crashes in one widespread static busybox.
wget_within() {
  _within=$1
  shift
  wget -q "$@" 2>/dev/null &
  _wget=$!
  timer "$_within" TERM $_wget
  _watch=$!
  wait $_wget
  _wget=$?
  kill $_watch 2>/dev/null
  return $_wget
}

# Wall clock for people; milliseconds where this date can tell them.
iso() {
  _iso=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
  case $_iso in
    *.[0-9][0-9][0-9]Z) printf '%s' "$_iso" ;;
    *) date -u +%Y-%m-%dT%H:%M:%S.000Z ;;
  esac
}

# Sets _ms to milliseconds of a clock that nobody can set: the kernel's uptime, without starting a process.
monotonic() {
  if read -r _up _idle </proc/uptime 2>/dev/null; then
    _ms=$((${_up%.*} * 1000 + (1${_up#*.} - 100) * 10))
  else
    _ms=$(($(date +%s) * 1000))
  fi
}

# A JSON string of the first 1000 characters of $1. What is not printable ASCII becomes a question mark: messages are for people.
json_string() (
  LC_ALL=C
  _rest=$1 _out='' _length=0
  while [ -n "$_rest" ] && [ $_length -lt 1000 ]; do
    _length=$((_length + 1))
    _tail=${_rest#?}
    _char=${_rest%"$_tail"}
    case $_char in
      '"' | "\\") _out=$_out\\$_char ;;
      [[:print:]]) _out=$_out$_char ;;
      *) _out="$_out?" ;;
    esac
    _rest=$_tail
  done
  printf '"%s"' "$_out"
)

# Prints $1 where it is a whole number without sign, else the default $2.
whole() {
  case $1 in
    '' | *[!0-9]*) printf '%s' "$2" ;;
    *) printf '%s' "$1" ;;
  esac
}

# ---- refusing before user code -------------------------------------------------------------------------------

# Keeps the first reason not to start user code, and fails.
refuse() {
  if [ -z "$_reason" ]; then
    _reason=$1 _message=$2
    say "$2"
  fi
  return 1
}

check_utilities() {
  _missing=
  for _utility in "$@"; do
    have "$_utility" || _missing="$_missing $_utility"
  done
  [ -z "$_missing" ] ||
    refuse missingUtility "This image lacks what the runner needs:$_missing. Add it to the image, or choose another image."
}

check_sum() {
  [ -n "${ERRAND_EXECUTABLE_SHA256-}" ] || return 0
  _sum=$(sha256sum <"$_executable") || {
    refuse fetchFailed "The executable $_executable cannot be read, so that its checksum cannot be verified."
    return 1
  }
  [ "${_sum%% *}" = "$ERRAND_EXECUTABLE_SHA256" ] ||
    refuse checksumMismatch "The executable's SHA-256 is ${_sum%% *}, but $ERRAND_EXECUTABLE_SHA256 was expected: it changed since the run was accepted. Push the task again, and start a new run."
}

# A script whose first line names an interpreter that is not there fails with nothing but "not found", which sends
# people looking for the script. Say what is missing before anything has started.
check_interpreter() {
  [ -r "$_executable" ] || return 0
  case $(od -An -N2 -tx1 "$_executable") in *'23 21'*) ;; *) return 0 ;; esac
  _first=
  IFS= read -r _first 2>/dev/null <"$_executable" || :
  _return=$(printf '\r')
  case $_first in
    *"$_return"*)
      refuse badInterpreter "The first line of the executable ends with a carriage return (Windows line ends), so that the system looks for an interpreter of that name. Save the file with Unix line ends (LF), and push it again."
      return 1
      ;;
  esac
  _wanted=''
  # The kernel reads no more than 256 bytes of it.
  _first=$(printf '%.256s' "$_first")
  _first=${_first#??}
  _program=${_first#"${_first%%[! 	]*}"}
  _words=${_program#"${_program%%[ 	]*}"}
  _program=${_program%%[ 	]*}
  [ -n "$_program" ] || return 0
  if [ ! -f "$_program" ] || [ ! -x "$_program" ]; then
    refuse badInterpreter "The first line of the executable asks for $_program, which this image does not have (or may not run). Choose an image that has it, or change the first line."
    return 1
  fi
  case $_program in */env) ;; *) return 0 ;; esac
  for _word in $_words; do
    case $_word in
      -S?*) _wanted=${_word#-S} && break ;;
      -* | *=*) ;;
      *) _wanted=$_word && break ;;
    esac
  done
  [ -z "$_wanted" ] || (errand_environment && have "$_wanted") ||
    refuse badInterpreter "The first line of the executable asks env for $_wanted, which is not on the PATH in this image. Choose an image that has it, or change the first line."
}

# The managed identity's endpoint is not there in the first seconds of a container's life on Azure.
await_identity() {
  [ "${ERRAND_IDENTITY-}" = 1 ] || return 0
  if [ -n "${IDENTITY_ENDPOINT-}" ]; then
    _url="$IDENTITY_ENDPOINT?api-version=2019-08-01" _header="X-IDENTITY-HEADER: ${IDENTITY_HEADER-}"
  else
    _url='http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01' _header='Metadata: true'
  fi
  _url="$_url&resource=https%3A%2F%2Fmanagement.azure.com%2F${AZURE_CLIENT_ID:+&client_id=$AZURE_CLIENT_ID}"
  [ -z "${ERRAND_IDENTITY_URL-}" ] || _url=$ERRAND_IDENTITY_URL
  have curl || have wget || {
    refuse missingUtility "The task has a managed identity, but this image has neither curl nor wget to wait for it. Add one of them to the image."
    return 1
  }
  _patience=$(whole "${ERRAND_IDENTITY_SECONDS-}" 60)
  monotonic
  _until=$((_ms + _patience * 1000))
  while [ -z "$_stop_asked" ]; do
    if have curl; then
      printf 'url = "%s"\nheader = "%s"\n' "$_url" "$_header" |
        curl -q -s -f -g -o /dev/null --noproxy '*' --max-time 5 --config - && return 0
    else
      wget_within 5 -O /dev/null --header "$_header" "$_url" && return 0
    fi
    monotonic
    [ "$_ms" -lt "$_until" ] || break
    nap 0.5
  done
  [ -z "$_stop_asked" ] || return 1
  refuse identityUnavailable "The managed identity's endpoint gave no token within $_patience seconds. Check that the identity of the task's definition exists and that the container may use it."
}

# ---- the exchange as a directory -----------------------------------------------------------------------------

# The ticket is read into memory and removed first of all: nothing that the task could start may ever see it.
directory_open() {
  { have cat && have rm; } || die 'this image has no cat or no rm, so that the ticket cannot be taken: nothing was run'
  [ -d "$_dir" ] || die "$_dir is not a directory: the exchange is not mounted"
  if [ ! -e "$_dir/ticket" ]; then
    [ ! -e "$_dir/fence" ] || lost
    die "there is no ticket in $_dir, and no fence: an earlier start of this container took it and went no further"
  fi
  _ticket=$(cat "$_dir/ticket") || _ticket=
  rm -f "$_dir/ticket" 2>/dev/null
  [ ! -e "$_dir/ticket" ] || die "the ticket in $_dir cannot be removed; the task would be able to read it: nothing was run"
  [ -n "$_ticket" ] || lost_or_die "the ticket in $_dir cannot be read, or is empty"
  eval "$_ticket"
  _ticket=
  _executable=${ERRAND_EXECUTABLE-}
}

lost() {
  say 'the attempt is already taken; nothing was run here'
  discard
  exit 0
}
lost_or_die() {
  [ ! -e "$_dir/fence" ] || lost
  die "$1: nothing was run"
}

directory_fetch() {
  [ -f "$_executable" ] || refuse fetchFailed "The executable is not at $_executable: its mount is missing."
}

# Puts the text $2 at $1 only if nothing is there; whoever looks sees all of it or nothing. 0 done, 1 somebody else's.
directory_create() {
  _part=$_dir/.$_nonce _waited=0
  # A disk that is full has room again, mostly; a minute of it is worth a result. One that is gone or read-only stays so.
  until printf '%s\n' "$2" 2>/dev/null >"$_part"; do
    rm -f "$_part"
    _waited=$((_waited + 1))
    { [ $_waited -lt 60 ] && [ -w "$_dir" ]; } || die "cannot write in $_dir (full, or read-only?)"
    sleep 1
  done
  _linked=0
  ln "$_part" "$1" 2>/dev/null || _linked=1
  rm -f "$_part"
  if [ $_linked -ne 0 ]; then
    [ -e "$1" ] || die "cannot create $1"
    _there=$(cat "$1") || die "cannot read $1"
    [ "$_there" = "$2" ] || return 1
  fi
  # On the disk before anything follows: a power cut must not take back a fence.
  dd if=/dev/null of="$1" conv=notrunc,fsync 2>/dev/null || :
}

directory_fence() { directory_create "$_dir/fence" "$1" || lost; }
directory_result() { directory_create "$_dir/result.json" "$1" || die 'there is already a result that is not ours'; }

directory_prepare() {
  _scratch=$_dir/.runner _log=$_dir/log _output=$_dir/output.json _outputs=$_dir/outputs
  mkdir -m 0777 "$_scratch" 2>/dev/null || [ -d "$_scratch" ] || die "cannot create $_scratch"
}

directory_keep_output() { [ -f "$_output" ] && [ ! -L "$_output" ]; }
directory_keep_file() { _slot=; }
directory_start_shipping() { :; }
directory_log_facts() { :; }
directory_close() { rm -rf "$_scratch"; }

# ---- the exchange as signed URLs -----------------------------------------------------------------------------

# One request: http FILE URL [curl options]. The address goes to curl by its standard input, so that no list of
# processes shows it. Sets _status to the HTTP status; 000 where no answer came. A stop before user code ends it.
http() {
  _to=$1 _url=$2
  shift 2
  printf 'url = "%s"\n' "$_url" |
    curl -q -s -g -o "$_to" -w '%{http_code}' --connect-timeout 10 --speed-limit 1 --speed-time 30 -H 'Expect:' "$@" --config - >"$_to.status" 2>/dev/null &
  _curl=$!
  wait $_curl
  while kill -0 $_curl 2>/dev/null; do
    [ -z "$_stop_asked" ] || [ -n "$_fenced" ] || kill $_curl 2>/dev/null
    wait $_curl
  done
  _status=000
  read -r _status <"$_to.status" || [ -n "$_status" ] || _status=000
}

# A pause that a signal ends.
rest() {
  sleep "$1" >/dev/null 2>&1 &
  wait $!
}

# Repeats a request for $1 seconds while there is no answer, or one that says "later". Sets _tries.
retry() {
  monotonic
  _until=$((_ms + $1 * 1000)) _pause=1 _tries=0
  shift
  while :; do
    _tries=$((_tries + 1))
    http "$@"
    case $_status in 000 | 408 | 429 | 5??) ;; *) return 0 ;; esac
    [ -z "$_stop_asked" ] || [ -n "$_fenced" ] || return 1
    monotonic
    [ "$_ms" -lt $_until ] || return 1
    rest $_pause
    _pause=$((_pause * 2))
    [ $_pause -le 15 ] || _pause=15
  done
}

blob_open() {
  _executable_name=executable
  [ -z "${ERRAND_SCRIPT_NAME-}" ] || ! plain_name "$ERRAND_SCRIPT_NAME" || _executable_name=$ERRAND_SCRIPT_NAME
  _scratch=${TMPDIR:-/tmp}/errand.$_nonce
  mkdir -m 0700 "$_scratch" || die "cannot create $_scratch: the signed-URL exchange needs a writable ${TMPDIR:-/tmp}"
  _executable=$_scratch/$_executable_name
  have curl || {
    { [ "${ERRAND_ALLOW_UNFENCED-}" = 1 ] && have wget; } ||
      die 'missingUtility: this image has no curl, so that neither the start fence nor a result can be written: nothing was run. Add curl to the image (version 7.52 or newer), or, where a second start does no harm, set allowUnfenced in the task definition.'
    printf 'errand runner: this image has no curl. As the task definition allows, the task runs without start fence, shipped log, outputs and result: a restarted container would run it again.\n'
    _exchange=unfenced
  }
}

blob_fetch() {
  check_utilities chmod dd || return 1
  set -- "$_executable" "${ERRAND_EXECUTABLE_URL-}"
  [ -z "${ERRAND_EXECUTABLE_ETAG-}" ] || set -- "$@" -H "If-Match: $ERRAND_EXECUTABLE_ETAG"
  retry 120 "$@" || _status=000
  [ -z "$_stop_asked" ] || return 1
  case $_status in
    200) chmod 0755 "$_executable" || refuse fetchFailed "The executable in $_scratch cannot be made executable." ;;
    000) refuse fetchFailed 'The executable could not be fetched for two minutes. Check that the container can reach the storage account.' ;;
    403) refuse fetchFailed 'The storage account refused the signed URL of the executable (403): it has expired, or the key that signed it was changed.' ;;
    404) refuse fetchFailed 'The executable is no longer in the artifact store (404). Push the task again.' ;;
    412) refuse fetchFailed 'The executable was changed since the run was accepted (412). Start a new run.' ;;
    *) refuse fetchFailed "The storage account answered $_status when asked for the executable." ;;
  esac
}

# Creates the blob at $1 with the text $2 if there is none, trying for $3 seconds. 0: it is ours, also where the answer
# had been lost; 1: somebody else's. Azure answers 409 or 412 where it exists, Azurite 403 for a create-only signature:
# only what can be read back proves that it is there, and whose it is.
blob_create() {
  printf '%s\n' "$2" >"$_scratch/new" || die "cannot write in $_scratch"
  retry "$3" "$_scratch/answer" "$1" -X PUT -H 'If-None-Match: *' -H 'x-ms-blob-type: BlockBlob' \
    -H 'Content-Type: application/json' --data-binary "@$_scratch/new" || return 2
  case $_status in
    201) return 0 ;;
    403 | 409 | 412) ;;
    *) return 2 ;;
  esac
  _created=$_status
  retry "$3" "$_scratch/answer" "$1" || return 2
  [ "$_status" = 200 ] || {
    _status=$_created
    return 2
  }
  [ "$(cat "$_scratch/answer")" = "$2" ]
}

blob_fence() {
  blob_create "$ERRAND_FENCE_URL" "$1" 120
  case $? in
    0) ;;
    1) lost ;;
    *) die "the fence could not be written ($_status; 000 is no answer, 403 an expired or wrong signature): nothing was run" ;;
  esac
}

blob_result() {
  blob_create "${ERRAND_RESULT_URL-}" "$1" 600
  case $? in
    0) blob_close ;;
    1) die 'there is already a result that is not ours' ;;
    *) die "the result could not be written ($_status; 000 is no answer, 403 an expired or wrong signature)" ;;
  esac
}

blob_prepare() {
  _log=$_scratch/log _output=$_scratch/output.json _outputs=$_scratch/outputs _slots=0
  # If this fails the first block does, too, and the log is reported as incomplete; the task runs all the same.
  retry 60 "$_scratch/answer" "${ERRAND_LOG_URL-}" -X PUT -H 'If-None-Match: *' -H 'x-ms-blob-type: AppendBlob' \
    -H 'Content-Length: 0' -H 'Content-Type: text/plain; charset=utf-8' || :
}

blob_start_shipping() {
  echo '0 sending' >"$_scratch/shipped"
  : >"$_scratch/block"
  trap '' USR2
  ship </dev/null >/dev/null 2>&1 3>&- &
  _shipper=$!
  trap - USR2
}

# Seconds between blocks after $1 of them. An append blob has 50,000; these intervals make them last 6.7 days. At first
# somebody may be watching: the first 50 looks at the log, of which this is number $2, come quickly.
ship_pause() {
  if [ "${2-51}" -le 50 ]; then
    echo "$_brief"
  elif [ "$1" -lt 300 ]; then
    echo 1
  elif [ "$1" -lt 1500 ]; then
    echo 3
  elif [ "$1" -lt 5000 ]; then
    echo 6
  else
    echo 13
  fi
}

# Appends the log to its blob as it grows, each block at the position where it belongs, so that a repeated one cannot be
# stored twice. We are the only writer: a position that is refused after an answer was lost means that the block is there.
# What is under way is in files, so that a second one can go on where a first was killed.
ship() {
  _position=0 _state='' _sent=0 _doubt=doubt _wait=1 _last='' _give_up='' _looks=0 _brief=0.2
  read -r _position _state <"$_scratch/shipped"
  trap '_last=1' USR2
  [ -z "${1-}" ] || _last=1
  # Not every sleep knows parts of a second.
  sleep 0.01 >/dev/null 2>&1 || _brief=1
  while :; do
    _ending=$_last _looks=$((_looks + 1))
    if [ ! -s "$_scratch/block" ]; then
      _doubt=
      tail -c "+$((_position + 1))" "$_log" | head -c 4194304 >"$_scratch/block"
    fi
    if [ ! -s "$_scratch/block" ]; then
      if [ -n "$_ending" ]; then
        echo "$_position done" >"$_scratch/shipped"
        exit 0
      fi
      rest "$(ship_pause $_sent $_looks)"
      continue
    fi
    _size=$(size_of "$_scratch/block")
    http "$_scratch/appended" "${ERRAND_LOG_URL-}&comp=appendblock" -X PUT -H "x-ms-blob-condition-appendpos: $_position" \
      -H 'Content-Type: application/octet-stream' --data-binary "@$_scratch/block"
    case $_status$_doubt in
      201* | 412doubt)
        _position=$((_position + _size)) _sent=$((_sent + 1)) _wait=1
        echo "$_position sending" >"$_scratch/shipped"
        : >"$_scratch/block"
        [ -n "$_ending" ] || [ "$_size" -eq 4194304 ] || rest "$(ship_pause $_sent $_looks)"
        ;;
      000* | 408* | 429* | 5*)
        _doubt=doubt
        monotonic
        [ -z "$_ending" ] || [ -n "$_give_up" ] || _give_up=$((_ms + 300000))
        [ -z "$_give_up" ] || [ "$_ms" -lt "$_give_up" ] || exit 1
        rest $_wait
        _wait=$((_wait * 2))
        [ $_wait -le 15 ] || _wait=15
        ;;
      *)
        echo "$_position refused" >"$_scratch/shipped"
        exit 1
        ;;
    esac
  done
}

# What counts is what has arrived.
blob_log_facts() {
  _position=0 _state=
  await_end "$_shipper" 330000
  read -r _position _state <"$_scratch/shipped" || :
  if [ "$_state" = sending ]; then
    (ship last) >/dev/null 2>&1
    read -r _position _state <"$_scratch/shipped" || :
  fi
  [ "$_state" != 'done' ] || [ "$_position" -ne "$_bytes" ] || return 0
  say "only $_position of $_bytes bytes of the log could be shipped"
  _complete=false _dropped=$((_dropped + _bytes - _position)) _bytes=$_position
  _lines=$(head -c "$_position" "$_log" | wc -l)
  _lines=$((_lines))
}

# Sends the file $1 to the URL $2, if there is one. Only we have that URL: where it says, after a repetition, that there
# is something already, that is ours.
upload() {
  [ -n "$2" ] || return 1
  retry 300 "$_scratch/answer" "$2" -X PUT -H 'If-None-Match: *' -H 'x-ms-blob-type: BlockBlob' -T "$1" || return 1
  case $_status in
    201) return 0 ;;
    403 | 409 | 412) [ $_tries -gt 1 ] && return 0 ;;
  esac
  say "an output could not be stored: the storage account answered $_status"
  return 1
}

# More is taken of nobody: it would only be paid for, and sent until the time for it is over. Of an output one byte
# too many is sent, so that whoever reads it sees why it is not taken.
_most_of_output=65536 _most_of_file=67108864

blob_keep_output() {
  directory_keep_output || return 1
  if [ "$(size_of "$_output")" -gt $_most_of_output ]; then
    head -c $((_most_of_output + 1)) "$_output" >"$_scratch/output" || return 1
    _output=$_scratch/output
  fi
  upload "$_output" "${ERRAND_OUTPUT_URL-}"
}

blob_keep_file() {
  if [ "$_size" -gt $_most_of_file ]; then
    say "$_name has $_size bytes, more than the $_most_of_file allowed, and is left out"
    return 1
  fi
  _slot=$_slots _slots=$((_slots + 1))
  _target=$(printf '%s\n' "${ERRAND_FILE_URLS-}" | {
    _at=0
    while IFS= read -r _line; do
      [ "$_at" -ne "$_slot" ] || printf '%s' "$_line"
      _at=$((_at + 1))
    done
  })
  upload "$1" "$_target"
}

blob_close() { discard; }

# With wget alone there is no fence and no result; everything else is as it should be, and the exit code is the task's.
unfenced_fetch() {
  check_utilities chmod || return 1
  { wget_within 600 -O "$_executable" "${ERRAND_EXECUTABLE_URL-}" && chmod 0755 "$_executable"; } ||
    refuse fetchFailed 'The executable could not be fetched with wget; has its signed URL expired?'
}
unfenced_fence() { :; }
unfenced_prepare() { _log=$_scratch/log _output=$_scratch/output.json _outputs=$_scratch/outputs; }
unfenced_start_shipping() { :; }
unfenced_log_facts() { :; }
unfenced_keep_output() { return 1; }
unfenced_keep_file() { return 1; }
unfenced_result() {
  discard
  [ -z "$_reason" ] || exit 70
  exit "$_code"
}

# ---- the log -------------------------------------------------------------------------------------------------
#
# task -> FIFO in -> [source -> mask] -> tee -> FIFO copy -> keep_log -> the log -> follow -> our stdout
#                                           \-> wc: how many bytes there were in all
# No byte passes through the shell, and the kernel's file size limit is the cap: 1 GB takes a second or two.

# One secret value after the other as hexadecimal bytes, each ended by a line with a full stop; last, "end". The author may set
# PATH and IFS for the task, so both are put back before anything else is done here.
secret_bytes() {
  _path=$PATH _names=$ERRAND_SECRET_NAMES
  errand_environment 2>/dev/null
  PATH=$_path
  unset IFS
  for _name in $_names; do
    case $_name in [0-9]* | *[!A-Za-z0-9_]*) continue ;; esac
    _value=
    eval "_value=\${$_name-}"
    printf '%s' "$_value" | od -An -v -tx1 || return
    echo .
  done
  echo end
}

# Reads those, writes the forms to look for, one a line: each line of the value, base64 at its three alignments,
# with and without what ends it, in both alphabets and as wrapped at 64 and 76; percent-encoded; as in JSON.
# shellcheck disable=SC2016 # the dollars are the program's own
_forms_awk='
function add(form) { if (length(form) >= 4 && !(form in seen)) { seen[form] = 1; print form } }
function piece(form, width,   at) { for (at = 1; at <= length(form); at += width) add(substr(form, at, width)) }
function both(form) {
  add(form)
  if (form ~ /[+\/]/) { gsub(/\+/, "-", form); gsub(/\//, "_", form); add(form) }
}
function start() { text = ""; tail = ""; tails = 0 }
# A long text grows by pieces, else each character costs a copy of all before it.
function grow(more) { tail = tail more; if (++tails == 200) { text = text tail; tail = ""; tails = 0 } }
function base64(shift,   i, at, value, whole, count, over, core, ended) {
  count = n + shift
  start()
  for (i = -shift; i < n; i += 3) {
    value = 0
    for (at = i; at < i + 3; at++) value = value * 256 + (at >= 0 && at < n ? byte[at] : 0)
    grow(pair[int(value / 4096)] pair[value % 4096])
  }
  whole = text tail
  # Only the characters that depend on nothing but this value.
  core = substr(whole, 1, int(count * 8 / 6))
  over = count % 3
  ended = over ? substr(whole, 1, length(core) + 1) : core
  if (shift > 0) { core = substr(core, shift + 2); ended = substr(ended, shift + 2) }
  both(core)
  if (over) { both(ended); ended = ended (over == 1 ? "==" : "="); both(ended) }
  if (shift == 0 && length(ended) > 64) piece(ended, 64)
  if (shift == 0 && length(ended) > 76) piece(ended, 76)
}
function spell(kind,   i) {
  start()
  for (i = 0; i < n; i++) grow(table[kind, byte[i]])
  add(text tail)
}
function tables(   i, c) {
  for (i = 1; i < 256; i++) {
    c = chr[i]
    table["upper", i] = i < 128 && c ~ /[A-Za-z0-9_.~-]/ ? c : sprintf("%%%02X", i)
    table["lower", i] = i < 128 && c ~ /[A-Za-z0-9_.~-]/ ? c : sprintf("%%%02x", i)
    table["component", i] = index("!\047()*", c) ? c : table["upper", i]
    table["form", i] = c == "*" ? c : c == " " ? "+" : table["upper", i]
    table["json", i] = i == 34 || i == 92 ? "\\" c : i == 10 ? "\\n" : i == 13 ? "\\r" : i == 9 ? "\\t" : i < 32 ? sprintf("\\u%04x", i) : c
  }
  for (i = 0; i < 4096; i++) pair[i] = substr(alphabet, int(i / 64) + 1, 1) substr(alphabet, i % 64 + 1, 1)
}
function lines(   i, line) {
  start()
  for (i = 0; i <= n; i++) {
    if (i < n && byte[i] != 10) { grow(chr[byte[i]]); continue }
    line = text tail
    sub(/\r$/, "", line); add(line)
    sub(/^[ \t]+/, "", line); sub(/[ \t]+$/, "", line); add(line)
    start()
  }
}
BEGIN {
  alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  for (i = 1; i < 256; i++) chr[i] = sprintf("%c", i)
  for (i = 0; i < 256; i++) hex[sprintf("%02x", i)] = i
  tables()
  n = 0
}
$1 == "." {
  while (n > 0 && (byte[n - 1] == 10 || byte[n - 1] == 13)) n--
  if (n >= 4) {
    lines(); base64(0); base64(1); base64(2)
    spell("upper"); spell("lower"); spell("component"); spell("form"); spell("json")
  }
  n = 0
  next
}
$1 == "end" { whole_list = 1; next }
{ for (i = 1; i <= NF; i++) byte[n++] = hex[$i] }
END { exit !whole_list }
'

# Both masks read the forms, an empty line, then the log. All stretches that any form covers are found in the text as it
# was, joined where they overlap, and each becomes ***. Once more than the cap has been written they only count.
# A pattern of heads finds where to compare: one of whole values of 60,000 bytes takes perl ten seconds to prepare.
# This one works on whatever has arrived: it holds back only what could still become a secret value.
# shellcheck disable=SC2016 # the dollars are the program's own
_mask_perl='
my ($cap, $dropped_file) = @ARGV;
my ($buf, $out, $dropped, $eof) = ("", 0, 0, 0);
sub more { my $n = sysread(STDIN, $buf, 65536, length $buf); $eof = 1 if !$n; }
sub put { my $at = 0; while ($at < length $_[0]) { my $n = syswrite(STDOUT, $_[0], length($_[0]) - $at, $at); exit 1 if !defined $n; $at += $n } $out += length $_[0]; }
more() while !$eof && $buf !~ /^\n|\n\n/;
$buf =~ s/^((?:[^\n]+\n)*)\n// or exit 1;
my @forms = sort { length $b <=> length $a } split /\n/, $1;
my %with;
push @{$with{substr($_, 0, 24)}}, $_ for @forms;
my @heads = keys %with;
my $any = join "|", map quotemeta, sort { length $b <=> length $a } @heads;
my $longest = @forms ? length $forms[0] : 1;
$any = qr/$any/ if @forms;
while (1) {
  my @spans;
  if (@forms) {
    pos($buf) = 0;
    while ($buf =~ /$any/g) {
      my ($from, $to) = ($-[0], 0);
      for my $head (@heads) {
        next if substr($buf, $from, length $head) ne $head;
        for my $form (@{$with{$head}}) {
          $to = $from + length $form if $from + length $form > $to && substr($buf, $from, length $form) eq $form;
        }
      }
      pos($buf) = $from + 1;
      next if !$to;
      if (@spans && $from < $spans[-1][1]) { $spans[-1][1] = $to if $to > $spans[-1][1] } else { push @spans, [$from, $to] }
    }
  }
  my $cut = length $buf;
  if (!$eof) {
    my $line = rindex($buf, "\n") + 1;
    $cut -= $longest - 1;
    $cut = $line if $cut < $line;
    for my $span (@spans) { $cut = $span->[1] - $span->[0] > 1048576 ? $span->[1] : $span->[0] if $span->[0] < $cut && $cut < $span->[1] }
  }
  my ($at, $text) = (0, "");
  for my $span (@spans) {
    last if $span->[0] >= $cut;
    $text .= substr($buf, $at, $span->[0] - $at) . "***";
    $at = $span->[1];
  }
  $text .= substr($buf, $at, $cut - $at) if $at < $cut;
  put($text);
  $buf = substr($buf, $cut);
  last if $eof || $out > $cap;
  more();
}
if (!$eof) {
  $dropped = length $buf;
  while (1) { $buf = ""; more(); last if $eof; $dropped += length $buf }
}
open(my $facts, ">", $dropped_file) or exit 1;
print $facts "$dropped\n";
'

# This one works line by line. The log is followed by an end mark, so that a missing last newline stays missing.
# shellcheck disable=SC2016 # the dollars are the program's own
_mask_awk='
# A long line is cut twice, into blocks and those into windows, each with as much more as the longest form: some awks
# measure or copy the whole of a string for each look into it.
function masked(line,   size, at, part, end_of_part, from, stop) {
  done = 0
  size = length(line)
  for (at = 1; at <= size; at += block) {
    part = size > block ? substr(line, at, block + longest) : line
    end_of_part = size - at + 1 < block ? size - at + 1 : block
    for (from = 1; from <= end_of_part; from += window) {
      stop = end_of_part - from + 1 < window ? end_of_part - from + 1 : window
      look(substr(part, from, window + longest), stop)
    }
  }
}
# Prints the first stop characters of a window. What is covered already, also from the window before, ends at done.
function look(part, stop,   i, first, best) {
  for (i = 1; i <= forms; i++) found[i] = index(part, form[i])
  while (1) {
    first = 0
    for (i = 1; i <= forms; i++) if (found[i] > 0 && (first == 0 || found[i] < found[first])) first = i
    if (first == 0 || found[first] > stop) break
    best = found[first]
    if (best > done) { put(substr(part, done + 1, best - done - 1) "***"); done = best - 1 }
    for (i = 1; i <= forms; i++) if (found[i] == best) {
      if (best + length(form[i]) - 1 > done) done = best + length(form[i]) - 1
      found[i] = index(substr(part, best + 1), form[i])
      if (found[i] > 0) found[i] += best
    }
  }
  if (done < stop) { put(substr(part, done + 1, stop - done)); done = stop }
  done -= stop
}
function put(text) { printf "%s", text; written += length(text) }
BEGIN { window = 8192; block = 262144; forms = 0; longest = 0; written = 0; dropped = 0; reading = 1 }
reading {
  if ($0 == "") reading = 0
  else { form[++forms] = $0; if (length($0) > longest) longest = length($0) }
  next
}
{
  last = length($0) >= length(end) && substr($0, length($0) - length(end) + 1) == end
  if (last) $0 = substr($0, 1, length($0) - length(end))
  if (written > cap) { dropped += length($0) + !last; next }
  hit = 0
  for (i = 1; i <= forms && !hit; i++) hit = index($0, form[i])
  if (hit) masked($0)
  else put($0)
  if (!last) put("\n")
  fflush()
}
END { printf "%.0f\n", dropped > file }
'

mask() {
  # A single line of any length must not take the memory of the task: the filter gives up instead, and says so.
  # shellcheck disable=SC3045 # where the shell has it
  ulimit -v 1048576 2>/dev/null || :
  if [ "$_engine" = perl ]; then
    LC_ALL=C perl -e "$_mask_perl" "$_cap" "$_scratch/unread"
  elif [ "$_engine" = mawk ]; then
    LC_ALL=C awk -W interactive -v cap="$_cap" -v end="$_end" -v file="$_scratch/unread" "$_mask_awk"
  else
    LC_ALL=C awk -v cap="$_cap" -v end="$_end" -v file="$_scratch/unread" "$_mask_awk"
  fi || echo failed >"$_scratch/unmasked"
  # Whatever became of the filter, the task must not be stopped by a pipe that nobody reads.
  exec cat >/dev/null
}

# Leaves the text $2 in the file $1 of the scratch directory for who waits for it; on a full disk once there is room.
note() {
  _waited=0
  until echo "$2" 2>/dev/null >"$_scratch/$1" || [ $_waited -ge 60 ] || [ ! -d "$_scratch" ]; do
    _waited=$((_waited + 1))
    sleep 1
  done
}

# Runs its arguments with the task's pipe as input, and notes the process id of what reads it.
read_task() {
  "$@" <&4 4<&- &
  note reader $!
  wait
  note read end
}

count() {
  _all=$(wc -c)
  note total "$((_all))"
}

pump() {
  if [ -z "$_engine" ]; then
    read_task tee "$_pipes/copy" 4<&0 | count
  else
    {
      if secret_bytes | LC_ALL=C awk "$_forms_awk"; then
        echo
        read_task cat
      else
        # Without the forms nothing may be shown: the output is read, and dropped.
        echo failed >"$_scratch/unmasked"
        read_task cat >/dev/null
        echo
      fi
      [ "$_engine" = perl ] || printf '%s\n' "$_end"
    } 4<&0 | mask | tee "$_pipes/copy" | count
  fi
}

# Stores what comes, up to the cap, and reads on whatever happens. Notes how it went and how many bytes are stored.
keep_log() {
  trap '' XFSZ
  _kept=whole
  (ulimit -f "$_blocks" 2>/dev/null && exec cat) >>"$_log" 2>/dev/null || _kept=failed
  _stored=$(wc -c <"$_log" 2>/dev/null) || _stored=0
  _stored=$((_stored))
  if [ $_kept = failed ] && [ "$_stored" -ge "$_cap" ]; then
    _kept=capped
    mark "[errand: log truncated after $_stored bytes]"
  fi
  cat >/dev/null
  note kept "$_kept $_stored"
}

# Appends a line of our own to the log, on a line of its own.
mark() {
  _byte=$(tail -c 1 "$_log" 2>/dev/null | od -An -tx1) || _byte=
  case $_byte in *0a* | '') ;; *) printf '\n' ;; esac >>"$_log" 2>/dev/null
  printf '%s\n' "$1" >>"$_log" 2>/dev/null
}

# Copies the log to our stdout as it grows; ends after a last look once told so by USR2.
follow() {
  exec 5<"$_log"
  _last=
  trap '_last=1' USR2
  while :; do
    _ending=$_last
    cat <&5
    [ -z "$_ending" ] || exit 0
    sleep "$_tick" >/dev/null 2>&1 &
    wait $!
  done
}

# How many bytes a unit of ulimit -f is: shells differ.
limit_unit() (
  ulimit -f 1000 2>/dev/null || :
  while read -r _a _b _c _soft _rest; do
    [ "$_a $_b $_c" != 'Max file size' ] || break
  done </proc/self/limits 2>/dev/null
  case ${_soft-} in 1024000) echo 1024 ;; *) echo 512 ;; esac
)

start_log() {
  _unit=$(limit_unit)
  _cap=$(whole "${ERRAND_LOG_MAX_BYTES-}" 67108864)
  _blocks=$((_cap / _unit))
  [ $_blocks -gt 0 ] || _blocks=1
  _cap=$((_blocks * _unit))
  _tick=0.3
  sleep 0.01 2>/dev/null || _tick=1
  _engine='' _end=$_nonce.end
  if [ -n "${ERRAND_SECRET_NAMES-}" ]; then
    _engine='awk'
    case $(awk -W version 2>/dev/null </dev/null) in mawk*) _engine='mawk' ;; esac
    perl -e 1 2>/dev/null && _engine='perl'
  fi
  : >>"$_log" || die "cannot write the log $_log"
  for _pipes in "$_scratch" "${TMPDIR:-/tmp}/.errand-$_nonce" "/dev/shm/.errand-$_nonce"; do
    mkdir -p "$_pipes" 2>/dev/null && mkfifo "$_pipes/in" "$_pipes/copy" 2>/dev/null && break
    _pipes=
  done
  [ -n "$_pipes" ] || die 'no named pipe can be made in the exchange, in /tmp or in /dev/shm'
  keep_log <"$_pipes/copy" >/dev/null 2>&1 &
  pump <"$_pipes/in" >/dev/null 2>&1 &
  trap '' USR2
  follow 2>/dev/null &
  _follower=$!
  trap - USR2
  "${_exchange}_start_shipping"
  exec 3>"$_pipes/in"
}

# Waits at most $1 milliseconds for these files in the scratch directory: signs that a part of the pipeline is done.
# Where the directory is gone, none will come.
await_files() {
  monotonic
  _until=$((_ms + $1))
  shift
  for _sign in "$@"; do
    until [ -s "$_scratch/$_sign" ]; do
      monotonic
      { [ "$_ms" -lt $_until ] && [ -d "$_scratch" ]; } || return 1
      nap 0.02
    done
  done
}

# Waits for the end of the task's output for as long as something of it still arrives, and three seconds more.
await_quiet() {
  _was=
  while ! await_files 3000 read; do
    _now=$(size_of "$_log")
    [ "$_now" != "$_was" ] || return 1
    _was=$_now
  done
}

await_group_end() {
  monotonic
  _until=$((_ms + $1))
  while signal_task 0; do
    monotonic
    [ "$_ms" -lt $_until ] || return 1
    nap 0.02
  done
}

# Tells process $1 that the log is whole, until it has ended; after $2 milliseconds it is ended.
await_end() {
  monotonic
  _until=$((_ms + $2))
  while kill -USR2 "$1" 2>/dev/null; do
    monotonic
    [ "$_ms" -lt $_until ] || {
      kill -KILL "$1" 2>/dev/null
      break
    }
    nap 0.02
  done
}

# The task is over. What it left in its group is ended; a process that has left the group and still holds the log open
# is not waited for. A second is granted first: `exec > >(tee file)` is still writing when its script has ended.
end_log() {
  _eof=true
  await_files 60000 reader
  await_files 1000 read || {
    signal_task TERM
    await_files 2000 read || {
      signal_task KILL
      await_quiet || {
        _eof=false
        read -r _reader <"$_scratch/reader" && kill "$_reader" 2>/dev/null
      }
    }
  }
  await_files 120000 total kept
  if signal_task 0; then
    signal_task TERM
    await_group_end 2000 || signal_task KILL
  fi
  _kept=failed _stored=0 _total=0 _unread=0
  read -r _kept _stored 2>/dev/null <"$_scratch/kept" || :
  read -r _total 2>/dev/null <"$_scratch/total" || :
  read -r _unread 2>/dev/null <"$_scratch/unread" || :
  _dropped=$((_total - _stored + _unread))
  [ $_dropped -ge 0 ] || _dropped=0
  _complete=$_eof
  [ "$_eof" = true ] || mark '[errand: log ends here: a process that outlived the task still has it open]'
  if [ -e "$_scratch/unmasked" ]; then
    _complete=false
    mark '[errand: log ends here: the filter that masks secret values gave up]'
  fi
  [ "$_kept" != failed ] || _complete=false
  # The follower may be blocked by a stdout that nobody reads; the result must not be.
  await_end "$_follower" 10000
  _bytes=$(wc -c <"$_log") || _bytes=0
  _lines=$(wc -l <"$_log") || _lines=0
  _bytes=$((_bytes)) _lines=$((_lines))
  [ $_bytes -eq 0 ] || case $(tail -c 1 "$_log" | od -An -tx1) in *0a*) ;; *) _lines=$((_lines + 1)) ;; esac
  "${_exchange}_log_facts"
}

# ---- running -------------------------------------------------------------------------------------------------

# To the task's whole group; in the moment before it has one, to the process.
signal_task() {
  kill "-$1" "-$_task" 2>/dev/null || {
    [ "$1" != 0 ] && kill "-$1" "$_task" 2>/dev/null
  }
}

# Sends USR1 to this shell $_grace seconds after a line is written to descriptor 6. It is all there before the task is:
# a task that takes every process id that the container may have must not keep us from killing it.
grace_timer() {
  mkfifo "$_pipes/grace" || die 'no named pipe can be made'
  (
    trap 'kill $_grace_sleep 2>/dev/null; exit 0' TERM
    (read -r _go && exec sleep "$_grace") <"$_pipes/grace" &
    _grace_sleep=$!
    wait $_grace_sleep && kill -USR1 $$
  ) >/dev/null 2>&1 3>&- &
  _grace_timer=$!
  exec 6>"$_pipes/grace"
}

# A new process still has our traps until its shell takes them out, and loses what it is sent before. Bounded: on a full disk it cannot leave its mark.
await_entry() {
  _looks=0
  until [ -e "$_pipes/entered" ] || [ $_looks -ge 20000 ] || ! kill -0 "$_task" 2>/dev/null; do
    _looks=$((_looks + 1))
  done
}

# The first cause is the one that is told.
end_task() {
  _woken=1
  [ -z "$_cause" ] || return 0
  _cause=$1
  await_entry
  signal_task TERM
  echo go >&6
}

on_stop() {
  _stop_asked=1
  [ -z "$_task" ] || end_task stopped
}

# Everything that the container has and the definition gives, and of ours only five names.
enter_task() {
  { echo >"$_pipes/entered"; } 2>/dev/null || :
  # Where memory runs out, the kernel is to take the task, and leave the runner to say so. A process may raise its own score.
  { echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null || :
  set -- "$_executable"
  [ -z "$_default_signals" ] || set -- "$_env" --default-signal=INT,QUIT "$@"
  [ -z "$_setsid" ] || set -- "$_setsid" "$@"
  _keep="ERRAND_RUN_ID ERRAND_ATTEMPT ERRAND_TASK"
  for _name in $(export -p | while IFS= read -r _line; do
    _line=${_line#export } _line=${_line#declare -x }
    case $_line in ERRAND_*) _line=${_line%%=*} ;; *) continue ;; esac
    case $_line in *[!A-Z0-9a-z_]*) ;; *) printf '%s ' "$_line" ;; esac
  done); do
    case " $_keep " in *" $_name "*) ;; *) unset "$_name" ;; esac
  done
  ERRAND_OUTPUT=$_output ERRAND_OUTPUT_DIR=$_outputs
  export ERRAND_RUN_ID ERRAND_ATTEMPT ERRAND_TASK ERRAND_OUTPUT ERRAND_OUTPUT_DIR
  umask "$_umask"
  errand_environment 2>/dev/null
  exec "$@"
}

# The kernel's count of processes killed for want of memory in our control group; nothing where it cannot be told.
oom_kills() {
  _group=
  while IFS=: read -r _id _controllers _path; do
    case ,$_controllers, in ,, | *,memory,*) _group="$_group $_path" ;; esac
  done </proc/self/cgroup 2>/dev/null
  for _path in $_group ''; do
    for _file in "/sys/fs/cgroup/memory$_path/memory.oom_control" "/sys/fs/cgroup$_path/memory.events"; do
      [ -r "$_file" ] || continue
      while read -r _key _count; do
        [ "$_key" = oom_kill ] && echo "$_count" && return 0
      done <"$_file"
    done
  done 2>/dev/null
  return 0
}

run_task() {
  _run_limit=$(whole "${ERRAND_RUN_SECONDS-}" 3600)
  _grace=$(whole "${ERRAND_GRACE_SECONDS-}" 30)
  _setsid=$(command -v setsid) || _setsid=
  # A shell starts what runs beside it with INT and QUIT ignored; where env can undo that, the task gets them back.
  _env=$(command -v env) || _env=
  _default_signals=
  [ -z "$_env" ] || ! "$_env" --default-signal=INT,QUIT "$_env" >/dev/null 2>&1 || _default_signals=1
  mkdir -m 0777 "$_outputs" 2>/dev/null || :
  start_log
  _oom_before=$(oom_kills)
  grace_timer
  monotonic
  _run_from=$_ms
  timer "$_run_limit" ALRM $$
  _run_timer=$!
  trap 'end_task timedOut' ALRM
  trap '_woken=1; signal_task KILL' USR1
  # Without setsid, job control gives the task a group of its own, in shells that have it without a terminal.
  [ -n "$_setsid" ] || set -m 2>/dev/null || :
  (enter_task) </dev/null >&3 2>&3 3>&- 6>&- &
  _task=$!
  set +m 2>/dev/null || :
  exec 3>&-
  [ -z "$_stop_asked" ] || end_task stopped
  while :; do
    _woken=
    wait "$_task" 2>/dev/null
    _code=$?
    [ -n "$_woken" ] || break
    # A signal to us ended the wait; only if the task is gone as well does the shell know its exit code.
    kill -0 "$_task" 2>/dev/null && continue
    wait "$_task" 2>/dev/null
    _again=$?
    [ $_again -eq 127 ] || _code=$_again
    break
  done
  monotonic
  _run_ms=$((_ms - _run_from))
  trap : TERM INT ALRM USR1
  kill "$_run_timer" "$_grace_timer" 2>/dev/null
  exec 6>&-
  _oom_after=$(oom_kills)
  _oom=false
  [ "${_oom_after:-0}" -le "${_oom_before:-0}" ] || _oom=true
  end_log
  _signal=null
  if [ "$_code" -gt 128 ]; then
    _name=$(kill -l $((_code - 128)) 2>/dev/null) || _name=
    case $_name in '' | *[!A-Z0-9+-]*) ;; *) _signal="\"${_name#SIG}\"" ;; esac
  fi
}

# Sets _files and _skipped from what lies in the output directory: regular files with plain names, at most 16.
list_files() {
  _files='' _skipped=0 _listed=0
  [ -d "$_outputs" ] && [ ! -L "$_outputs" ] || return 0
  for _file in "$_outputs"/* "$_outputs"/.[!.]* "$_outputs"/..?*; do
    [ -e "$_file" ] || [ -L "$_file" ] || continue
    _name=${_file##*/}
    if [ -f "$_file" ] && [ ! -L "$_file" ] && [ ${#_name} -le 128 ] && [ $_listed -lt 16 ] && plain_name "$_name" &&
      _size=$(size_of "$_file") && "${_exchange}_keep_file" "$_file"; then
      _files="$_files${_files:+,}{\"name\":\"$_name\",\"bytes\":$_size${_slot:+,\"slot\":$_slot}}"
      _listed=$((_listed + 1))
    else
      _skipped=$((_skipped + 1))
    fi
  done
}
# From the directory entry: some wc read a whole file to count it.
size_of() {
  _entry=$(ls -ldn "$1" 2>/dev/null) || return 1
  printf '%s\n' "$_entry" | { read -r _mode _links _user _gid _size _rest && echo "$_size"; }
}
plain_name() (
  LC_ALL=C
  case $1 in .* | *[!A-Za-z0-9._-]*) exit 1 ;; esac
)

# ---- one attempt ---------------------------------------------------------------------------------------------

take_fence() {
  _fenced=$(iso)
  "${_exchange}_fence" "{\"version\":1,\"by\":\"runner\",\"nonce\":\"$_nonce\",\"at\":\"$_fenced\"}"
}

moments() { printf '{"booted":"%s","fenced":"%s","ended":"%s"}' "$_booted" "$_fenced" "$(iso)"; }

attempt() {
  _reason='' _message='' _stop_asked='' _task='' _cause='' _woken='' _slot='''' _fenced=''
  errand_environment() { :; }
  trap on_stop TERM INT
  _nonce=
  for _byte in $(od -An -v -N16 -tx1 /dev/urandom 2>/dev/null); do _nonce=$_nonce$_byte; done
  [ ${#_nonce} -eq 32 ] || die 'no random bytes (od, /dev/urandom): nothing was run'
  "${_exchange}_open"
  have date || die 'this image has no date: nothing was run'
  _booted=$(iso)
  monotonic
  _from=$_ms
  # shellcheck disable=SC2086 # a list of words
  check_utilities cat date ln ls mkdir mkfifo od rm sleep tail tee wc ${ERRAND_EXECUTABLE_SHA256:+sha256sum} ${ERRAND_SECRET_NAMES:+awk} &&
    "${_exchange}_fetch" && check_sum && check_interpreter && await_identity
  monotonic
  _fetch_ms=$((_ms - _from))
  take_fence
  if [ -z "$_reason" ] && [ -n "$_stop_asked" ]; then
    refuse stopped 'The container was asked to stop before the task had started.'
  fi
  _stopped=false
  if [ -n "$_reason" ]; then
    [ "$_reason" != stopped ] || _stopped=true
    "${_exchange}_result" "{\"version\":1,\"nonce\":\"$_nonce\",\"started\":false,\"reason\":\"$_reason\",\"message\":$(json_string "$_message"),\"exitCode\":null,\"signal\":null,\"timedOut\":false,\"stopped\":$_stopped,\"oomKilled\":false,\"times\":$(moments),\"durationMs\":{\"fetch\":$_fetch_ms},\"log\":{\"bytes\":0,\"lines\":0,\"droppedBytes\":0,\"complete\":true},\"output\":false,\"files\":[],\"skippedFiles\":0}"
    exit 0
  fi
  "${_exchange}_prepare"
  run_task
  _has_output=false
  "${_exchange}_keep_output" && _has_output=true
  list_files
  _timed_out=false
  case $_cause in timedOut) _timed_out=true ;; stopped) _stopped=true ;; esac
  "${_exchange}_result" "{\"version\":1,\"nonce\":\"$_nonce\",\"started\":true,\"exitCode\":$_code,\"signal\":$_signal,\"timedOut\":$_timed_out,\"stopped\":$_stopped,\"oomKilled\":$_oom,\"times\":$(moments),\"durationMs\":{\"fetch\":$_fetch_ms,\"run\":$_run_ms},\"log\":{\"bytes\":$_bytes,\"lines\":$_lines,\"droppedBytes\":$_dropped,\"complete\":$_complete},\"output\":$_has_output,\"files\":[$_files],\"skippedFiles\":$_skipped}"
  "${_exchange}_close"
  case $_pipes in */.errand-*) rm -rf "$_pipes" ;; esac
  exit 0
}

# The published form: the address is the command line, the input is the environment, the exit code is the task's.
published() {
  _dir=$(mktemp -d "${TMPDIR:-/tmp}/errand.XXXXXX") || die 'no directory for the executable'
  _file=${1%%[?#]*}
  _executable=$_dir/${_file##*/}
  [ -n "${_file##*/}" ] || _executable=$_dir/executable
  if have curl; then
    printf 'url = "%s"\n' "$1" | curl -q -s -S -f -g -L --retry 5 --connect-timeout 10 --speed-limit 1 --speed-time 60 -o "$_executable" --config -
  elif have wget; then
    wget_within 600 -O "$_executable" "$1"
  else
    die 'this image has neither curl nor wget to fetch the executable with'
  fi || die 'the executable could not be fetched; is its address still valid?'
  chmod 0755 "$_executable" || die "cannot make $_executable executable"
  umask "$_umask"
  exec "$_executable"
}

case $#:${1-} in
  1:http://* | 1:https://*) published "$1" ;;
  1:?*)
    _exchange=directory _dir=$1
    attempt
    ;;
  0:)
    [ -n "${ERRAND_FENCE_URL-}" ] || {
      say 'usage: script-runner.sh DIR | script-runner.sh URL | ERRAND_FENCE_URL=… script-runner.sh'
      exit 64
    }
    _exchange=blob
    attempt
    ;;
  *)
    say 'usage: script-runner.sh DIR | script-runner.sh URL | ERRAND_FENCE_URL=… script-runner.sh'
    exit 64
    ;;
esac

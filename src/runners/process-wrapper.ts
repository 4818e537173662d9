/** Environment variable that marks every process of a runner, until the task's own environment begins. */
export const containerMarker = 'ERRAND_CONTAINER';

/** Files of one runner, below `<directory>/<name>/`. */
export const processFiles = {
  labels: 'labels.json',
  /** Process id, start time and boot id, written by the wrapper before it starts anything. */
  started: 'started',
  exitCode: 'exit-code',
  output: 'output',
  work: 'work',
} as const;

/** Directory beside the runners' own: one empty file for each that has ended, so that one watch sees all. */
export const endedDirectory = '.ended';

/**
 * Starts the runner and leaves its exit code, whoever is there to see it. It says who it is before it starts anything, and where it
 * cannot (its directory was removed meanwhile) it starts nothing. Arguments: the runner's directory, the shared one of the ended, its
 * name, then the command.
 */
export const wrapperScript = `
home=$1 ended=$2 name=$3
shift 3
read -r stat </proc/$$/stat || exit 70
read -r boot </proc/sys/kernel/random/boot_id || exit 70
set -f
fields=\${stat##*) }
number=3
for field in $fields; do
  [ "$number" = 22 ] && started=$field
  number=$((number + 1))
done
printf '%s %s %s\\n' "$$" "$started" "$boot" >"$home/started.tmp" && mv "$home/started.tmp" "$home/started" || exit 70
child=
stopping=
trap 'stopping=1; [ -z "$child" ] || kill -TERM "$child"' TERM
"$@" </dev/null &
child=$!
[ -z "$stopping" ] || kill -TERM "$child"
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null || break
done
printf '%s\\n' "$code" >"$home/exit-code.tmp" && mv "$home/exit-code.tmp" "$home/exit-code"
: >"$ended/$name"
`;

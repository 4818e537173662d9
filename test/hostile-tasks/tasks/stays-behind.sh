# What it leaves has left its group, ignores TERM and keeps the log open.
setsid sh -c 'trap "" TERM; while :; do sleep 1; done' &
echo gone
end 0

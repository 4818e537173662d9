trap '' TERM INT
echo stubborn
while :; do sleep 0.2; done

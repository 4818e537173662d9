# Everything that it may signal, its runner included.
kill -9 -1
sleep 100000

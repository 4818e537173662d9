dd if=/dev/zero of=/dev/null bs="$Bytes" count=1
end $?

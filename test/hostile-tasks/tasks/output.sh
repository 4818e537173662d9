line=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde
yes "$line$line$line$line$line$line$line$line$line$line$line$line$line$line$line$line" | head -c "$Bytes"
end 0

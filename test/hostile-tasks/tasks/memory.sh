text=xxxxxxxxxxxxxxxx
while [ ${#text} -lt "$Bytes" ]; do text=$text$text; done
end 0

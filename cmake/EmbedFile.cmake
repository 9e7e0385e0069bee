# cmake -DIN=file -DOUT=file.inc -P EmbedFile.cmake
# Writes the bytes of a file as the elements of a C array.
file(READ "${IN}" bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${OUT}" "${bytes}\n")

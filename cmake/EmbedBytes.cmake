# cmake -DINPUT=FILE -DOUTPUT=FILE.cc -P EmbedBytes.cmake: INPUT's bytes as the array that
# frontend/grpc/descriptor_set.h declares.
file(READ ${INPUT} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
file(WRITE ${OUTPUT}
     "#include \"frontend/grpc/descriptor_set.h\"\n\n"
     "namespace slipway::frontend::grpc {\nnamespace {\n\n"
     "alignas(8) constexpr unsigned char kBytes[${size}] = {\n${hex}};\n\n"
     "}  // namespace\n\n"
     "std::span<const std::byte> DescriptorSet() { return std::as_bytes(std::span(kBytes)); }\n\n"
     "}  // namespace slipway::frontend::grpc\n")

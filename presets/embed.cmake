# cmake -DOUT=library_data.cpp "-DFILES=a.yaml;b.yaml" -P embed.cmake
# Writes the preset files as raw string literals, so that the binary needs no files beside it.
set(text "#include \"library_data.hpp\"\n\nnamespace sg::presets {\n\n")
string(APPEND text "const std::vector<std::string_view>& library_texts() {\n")
string(APPEND text "    static const std::vector<std::string_view> texts{\n")
string(REPLACE "," ";" FILES "${FILES}")
foreach(file IN LISTS FILES)
    file(READ "${file}" content)
    string(APPEND text "R\"sgpreset(${content})sgpreset\",\n")
endforeach()
string(APPEND text "    };\n    return texts;\n}\n\n}  // namespace sg::presets\n")
file(WRITE "${OUT}" "${text}")

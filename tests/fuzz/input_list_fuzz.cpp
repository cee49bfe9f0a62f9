#include <cstddef>
#include <cstdint>
#include <string_view>

#include "input_list.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)sg::apps::parse_csv_list(text, "list.csv");
    (void)sg::apps::parse_ndjson_list(text, "list.ndjson");
    return 0;
}

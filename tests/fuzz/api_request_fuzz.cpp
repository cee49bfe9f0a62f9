#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "json_body.hpp"
#include "query.hpp"
#include "trace_context.hpp"
#include "utf8.hpp"

/// What was accepted of a query or a document holds what the handlers rely on.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::api;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::vector<QueryParam> known{{"state", "", ""}, {"limit", "", ""}, {"a", "", ""}};
    Query query;
    if (!read_query(text, known, query)) {
        for (const auto& [name, value] : query) {
            if (!is_utf8(value) || value.find('\0') != std::string::npos) std::abort();
        }
    }
    const auto read = read_json(text, {16, 1000});
    if (const auto* value = std::get_if<nlohmann::json>(&read)) {
        const auto again = read_json(value->dump(), {16, 1000});
        const auto* same = std::get_if<nlohmann::json>(&again);
        if (same == nullptr || *same != *value) std::abort();
    }
    if (is_traceparent(text) && trace_id_of(text).size() != 32) std::abort();
    if (is_request_id(text) && !is_plain_text(text)) std::abort();
    if (escaped_path(text).find('\n') != std::string::npos) std::abort();
    return 0;
}

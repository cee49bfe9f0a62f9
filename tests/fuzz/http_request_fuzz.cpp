#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <server/range_header.hpp>

#include "request_parser.hpp"

/// A path that was accepted stays below its root; a range that was accepted lies in its object.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::server;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto parsed = parse_header(text);
    const auto& path = parsed.request.path;
    if (parsed.status == 0 && (path.empty() || path.front() != '/' ||
                               path.find("/../") != std::string::npos || path.ends_with("/.."))) {
        std::abort();
    }
    for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{1000}, UINT64_MAX}) {
        for (const auto field : {text, parsed.request.field("range")}) {
            const auto range = parse_range(field, bytes);
            if (range.kind != ByteRange::Kind::kPart) continue;
            if (range.bytes == 0 || range.first >= bytes || range.bytes > bytes - range.first) {
                std::abort();
            }
        }
    }
    static_cast<void>(has_etag(text, "abc"));
    static_cast<void>(accepts_gzip(text));
    return 0;
}

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <server/http_message.hpp>

namespace sg::server {

/// What the header of a request says; `status` other than 0 is the answer to a bad one.
struct ParsedHeader {
    int status = 0;
    std::string_view problem;  ///< of static storage
    Request request;
    std::uint64_t content_length = 0;
    bool chunked = false;  ///< the body comes in chunks, without a length
    bool expects_continue = false;
};

/// `header` ends with the empty line.
[[nodiscard]] ParsedHeader parse_header(std::string_view header);

}  // namespace sg::server

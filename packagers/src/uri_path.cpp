#include "uri_path.hpp"

#include <fmt/format.h>

namespace sg::packagers {

std::string uri_segment(std::string_view name) {
    std::string out;
    for (const char c : name) {
        const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                                (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                                c == '~';
        if (unreserved)
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

}  // namespace sg::packagers

#include <formats/fourcc.hpp>

namespace sg::formats {

std::string fourcc_text(FourCc code) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) {
        const char c = static_cast<char>(code >> shift & 0xFF);
        text += c >= ' ' && c <= '~' ? c : '?';
    }
    return text;
}

}  // namespace sg::formats

#include "sse_reader.hpp"

namespace sg::apps {
namespace {

constexpr std::size_t kMostBytes = 1U << 20;

}  // namespace

Status SseReader::push(std::string_view bytes) {
    for (const char c : bytes) {
        if (c == '\n' && after_cr_) {
            after_cr_ = false;
            continue;
        }
        after_cr_ = c == '\r';
        if (c == '\n' || c == '\r') {
            const auto whole = std::move(line_);
            line_.clear();
            SG_TRY(line(whole));
            continue;
        }
        if (line_.size() + data_.size() >= kMostBytes)
            return Error{Errc::kBadData, "read events: the server sends a line without end"};
        line_ += c;
    }
    return {};
}

Status SseReader::line(std::string_view text) {
    if (text.empty()) {
        const auto data = std::move(data_);
        data_.clear();
        if (!data.empty() && !on_data_(data))
            return Error{Errc::kEndOfStream, "nothing more is wanted"};
        return {};
    }
    const auto colon = text.find(':');
    if (text.substr(0, colon) != "data" || colon == std::string_view::npos) return {};
    auto value = text.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (!data_.empty()) data_ += '\n';
    data_ += value;
    return {};
}

}  // namespace sg::apps

#include <algorithm>
#include <vector>

#include <process/log_tail.hpp>
#include <process/message.hpp>

namespace sg::process {
namespace {

constexpr std::size_t kMaxLineBytes = 2048;

}  // namespace

void LogTail::add(std::string_view bytes) {
    kept_.append(bytes);
    // Cut rarely, so that a flood of short lines does not move the whole tail each time.
    if (kept_.size() > 2 * max_bytes_) kept_.erase(0, kept_.size() - max_bytes_);
    while (!bytes.empty()) {
        const std::size_t feed = bytes.find('\n');
        const std::string_view part = bytes.substr(0, feed);
        line_.append(part.substr(0, kMaxLineBytes - line_.size()));
        if (feed == std::string_view::npos) return;
        finish();
        bytes.remove_prefix(feed + 1);
    }
}

void LogTail::finish() {
    const std::string line = printable_line(line_, kMaxLineBytes);
    line_.clear();
    if (sink_ && !line.empty()) sink_(line);
}

std::string_view LogTail::text() const {
    const std::string_view all = kept_;
    return all.substr(all.size() - std::min(all.size(), max_bytes_));
}

std::string LogTail::last_words(std::size_t lines, std::size_t max_bytes) const {
    std::vector<std::string> found;
    std::string_view rest = text();
    while (!rest.empty() && found.size() < lines) {
        const std::size_t feed = rest.rfind('\n');
        const std::string_view last = feed == std::string_view::npos ? rest : rest.substr(feed + 1);
        if (std::string line = printable_line(last, max_bytes); !line.empty()) {
            found.push_back(std::move(line));
        }
        rest = feed == std::string_view::npos ? std::string_view() : rest.substr(0, feed);
    }
    std::string joined;
    for (auto line = found.rbegin(); line != found.rend(); ++line) {
        if (!joined.empty()) joined += " | ";
        joined += *line;
    }
    return printable_line(joined, max_bytes);
}

}  // namespace sg::process

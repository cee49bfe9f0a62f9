#include "json_items.hpp"

#include <fmt/format.h>

namespace sg::api {
namespace {

class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    /// After white space (RFC 8259 §2).
    bool take(char c) {
        skip_space();
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    bool peek(char c) {
        skip_space();
        return at_ < text_.size() && text_[at_] == c;
    }

    bool end() {
        skip_space();
        return at_ == text_.size();
    }

    /// With its quotes; empty when there is none.
    std::string_view string() {
        skip_space();
        const auto from = at_;
        if (at_ >= text_.size() || text_[at_] != '"') return {};
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\\') {
                ++at_;
            } else if (text_[at_] == '"') {
                ++at_;
                return text_.substr(from, at_ - from);
            }
        }
        return {};
    }

    /// Up to the comma or bracket that ends it; empty when nothing is there or it has no end.
    std::string_view value() {
        skip_space();
        const auto from = at_;
        std::size_t open = 0;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"') {
                if (string().empty()) return {};
                continue;
            }
            if (c == '[' || c == '{') ++open;
            const bool closes = c == ']' || c == '}';
            if (open == 0 && (closes || c == ',')) return text_.substr(from, at_ - from);
            if (closes) --open;
            ++at_;
        }
        return {};
    }

  private:
    void skip_space() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' ||
                                      text_[at_] == '\n' || text_[at_] == '\r'))
            ++at_;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

Result<std::vector<std::string_view>> json_items(std::string_view text,
                                                 std::string_view name,
                                                 std::size_t most) {
    const Error other{Errc::kInvalidArgument,
                      fmt::format("the body must be {{\"{}\": [...]}} and nothing else", name)};
    Scanner scanner(text);
    if (!scanner.take('{') || scanner.string() != fmt::format("\"{}\"", name) ||
        !scanner.take(':') || !scanner.take('['))
        return other;
    std::vector<std::string_view> items;
    if (!scanner.peek(']')) {
        do {
            if (items.size() == most) {
                return Error{
                    Errc::kLimit,
                    fmt::format("more than {} items; send them in several requests", most)};
            }
            items.push_back(scanner.value());
            if (items.back().empty()) return other;
        } while (scanner.take(','));
    }
    if (!scanner.take(']') || !scanner.take('}') || !scanner.end()) return other;
    return items;
}

}  // namespace sg::api
